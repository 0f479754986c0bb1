// The physical limit: bare switches in C, to which the engine's figures are set in relation.
#ifndef CLIMITS_H
#define CLIMITS_H

/// Switches to a bare context and back, `rounds` times: a resume that calls, a yield that returns.
///
/// No check, no value, no error: what a switch with a call/ret pair costs at the least. Returns the
/// number of yields that the context counted, so that the work can be proved.
long gb_limit_paired(long rounds);

/// The same, both ways by a jump.
long gb_limit_jump(long rounds);

/// Enters a context that runs a function and parks, `count` times: spawn, run and end on one
/// pooled stack. Returns the sum of the results.
long gb_limit_spawn(long count);

#endif
