// The physical limit: bare switches in C, to which the engine's figures are set in relation.
#ifndef CLIMITS_H
#define CLIMITS_H

/// Switches to a bare context and back, `rounds` times: a resume that calls, a yield that returns.
///
/// No check, no value, no error: what a switch with a call/ret pair costs at the least. Returns the
/// number of yields that the context counted, so that the work can be proved.
long gb_limit_paired(long rounds);

/// Takes a pooled stack, runs a function on it that triples a number, and gives the stack back,
/// `count` times; the first frame waits on the stack. Returns the sum of the results.
long gb_limit_spawn(long count);

/// The skynet tree by such spawns, nested: `size` leaves, ten children a node. Returns the sum of
/// the leaves' numbers.
long gb_limit_skynet(long size);

#endif
