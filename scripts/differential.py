"""Runs programs over CPython's greenlet and answers each with a trace, for scripts/differential.

A program comes as one line on standard input; an empty line asks for the answers so far. An answer
is one line: the rows of the known differences that were met, a bar, and the trace. The Swift side
is Sources/DifferentialKit/Machine.swift; what is logged there is logged here, in the same words.
"""

import gc
import queue
import sys
import threading
import weakref

from greenlet import GreenletExit, error as GreenletRefusal, getcurrent, greenlet

SLOTS = 8
GREENLETS_MAX = 12
BUDGET = 60

# Takes the place of a returned value when the budget is out.
HALT = object()

# Verb: what its arguments are. S slot, P slot or "-", D definition, V value, F fault.
SIGNATURES = {
    "new": "SDP", "switch": "SV", "send": "SV", "throw": "SF", "reparent": "SS", "drop": "S",
    "keep": "S", "copy": "SS", "look": "S", "who": "", "raise": "F", "again": "", "return": "V",
    "yield": "V", "defy": "", "far-switch": "SV", "far-throw": "SF", "far-drop": "S",
}


class ProgramError(Exception):
    pass


class OtherExit(GreenletExit):
    pass


def fault(label):
    """The error that a label stands for. An exit without a label is the library's own, or x0."""
    if label == "x0":
        return GreenletExit()
    made = {"x": GreenletExit, "y": OtherExit, "e": ProgramError}[label[0]]()
    made.label = label
    return made


def label_of(caught):
    if hasattr(caught, "label"):
        return caught.label
    if isinstance(caught, GreenletExit):
        return "x0"
    if isinstance(caught, GreenletRefusal):
        return "thread"
    if isinstance(caught, ValueError):
        return "cycle"
    if isinstance(caught, AttributeError) and "parent" in str(caught):
        return "main"
    return f"{type(caught).__name__}: {caught}"


def value(text):
    """The arguments of a switch: no argument, one, or several."""
    kind, rest = text[0], text[1:]
    if kind == "n":
        return ()
    if kind == "i":
        return (int(rest),)
    if kind == "s":
        return (rest,)
    numbers = tuple(int(one) for one in rest.split(","))
    return (numbers,) if kind == "t" else numbers


def rendered(received):
    if received is None or received == ():
        return "n"
    if isinstance(received, int):
        return f"i{received}"
    if isinstance(received, str):
        return f"s{received}"
    if isinstance(received, tuple):
        return "t" + ",".join(str(one) for one in received)
    return label_of(received)


def parsed(line):
    words = iter(line.split())
    bodies = {}
    for name in words:
        next(words)
        bodies[name] = block(words)
    return bodies


def block(words):
    """The statements up to the closing brace, as tuples."""
    found = []
    for word in words:
        if word == "}":
            return found
        if word == "loop":
            times = int(next(words))
            next(words)
            found.append(("loop", times, block(words)))
        elif word == "try":
            next(words)
            body = block(words)
            kind = next(words)
            next(words)
            found.append(("try", body, kind, block(words)))
        elif word == "finally":
            next(words)
            body = block(words)
            next(words)
            found.append(("finally", body, block(words)))
        else:
            given = [next(words) for _ in SIGNATURES[word]]
            text = " ".join([word, *given])
            decoded = []
            for kind, one in zip(SIGNATURES[word], given):
                if kind == "S":
                    decoded.append(int(one))
                elif kind == "P":
                    decoded.append(None if one == "-" else int(one))
                elif kind == "V":
                    decoded.append(value(one))
                else:
                    decoded.append(one)
            found.append((word, text, *decoded))
    raise ValueError("a block is not closed")


class Frame:
    """One run of a body."""

    __slots__ = ("name", "doomed", "was_doomed")

    def __init__(self, name):
        self.name = name
        # Set when an exit came that the program did not label: the body loses its last reference,
        # and a switch would make the library complain and leak it (K6).
        self.doomed = False
        # Stays set: a reparenting during a kill may close a circle of parents when the kill puts
        # the old parent back, and greenlet then searches it for ever (P11).
        self.was_doomed = False


class Machine:
    """One run of a program. Only the table and the library hold references to greenlets."""

    def __init__(self, bodies):
        self.bodies = bodies
        self.table = [None] * SLOTS
        self.budget = BUDGET
        self.trace = []
        self.registry = []
        self.unrun = {}
        self.known = set()
        self.unraisable = 0
        self.reported = 0

    # No local variable of these functions may hold a greenlet while another one runs: tracebacks
    # keep frames, and frames keep their variables. Neither may the interpreter's own stack, which
    # holds what is stored during the store or not, as it has specialised: so what a store replaces
    # goes later, by a del of its own.

    def log(self, frame, text):
        self.trace.append(f"{frame.name} {text}")

    def states(self):
        found = ""
        for one in self.table:
            found += "-" if one is None else "d" if one.dead else "a" if one else "u"
        if self.unraisable != self.reported:
            found += f" unraisable {self.unraisable - self.reported}"
            self.reported = self.unraisable
        return found

    def name_in(self, slot):
        return "-" if self.table[slot] is None else self.table[slot].name

    def exit_meets_unstarted(self, one):
        """Whether an exit that leaves a greenlet would be handed to an unstarted one (D10)."""
        one = one.parent
        while one.dead:
            one = one.parent
        return not one

    def made(self, definition, parent):
        number = len(self.registry) + 1
        name = f"g{number}"

        def body(*arguments):
            if name in self.unrun:
                return self.unrun.pop(name)
            frame = Frame(name)
            received = arguments[0] if len(arguments) == 1 else arguments
            self.log(frame, f"starts {rendered(received)}")
            del received, arguments
            try:
                result = self.run(frame, self.bodies.get(definition, ()), None)
            except GreenletExit as caught:
                self.log(frame, f"fails {label_of(caught)} {self.states()}")
                if self.exit_meets_unstarted(getcurrent()):
                    self.known.add("D10")
                    return caught
                raise
            except BaseException as caught:
                self.log(frame, f"fails {label_of(caught)} {self.states()}")
                raise
            result = None if result is None or result is HALT else result[0]
            self.log(frame, f"ends {rendered(result)} {self.states()}")
            return result

        if parent is None or self.table[parent] is None:
            made = greenlet(body)
        else:
            made = greenlet(body, self.table[parent])
        made.name = name
        self.registry.append(weakref.ref(made))
        return made

    def run(self, frame, statements, caught):
        """None to go on, HALT, or the returned value in a tuple."""
        for one in statements:
            verb = one[0]
            if verb == "loop":
                for _ in range(one[1]):
                    result = self.run(frame, one[2], caught)
                    if result is not None:
                        return result
            elif verb == "try":
                try:
                    result = self.run(frame, one[1], caught)
                except BaseException as error:
                    if one[2] != "all" and (one[2] == "exit") != isinstance(error, GreenletExit):
                        raise
                    self.log(frame, f"catches {label_of(error)}")
                    result = self.run(frame, one[3], error)
                if result is not None:
                    return result
            elif verb == "finally":
                try:
                    result = self.run(frame, one[1], caught)
                finally:
                    self.log(frame, "finally")
                    try:
                        self.run(frame, one[2], caught)
                    except BaseException as error:
                        self.log(frame, f"loses {label_of(error)}")
                if result is not None:
                    return result
            else:
                if self.budget == 0:
                    return HALT
                self.budget -= 1
                if verb == "return":
                    self.log(frame, one[1])
                    return (None if one[2] == () else one[2][0] if len(one[2]) == 1 else one[2],)
                if verb == "raise":
                    self.log(frame, one[1])
                    raise fault(one[2])
                if verb == "again":
                    self.log(frame, one[1])
                    if caught is not None:
                        raise caught
                elif verb in ("switch", "send", "throw", "yield"):
                    self.transfer(frame, one)
                else:
                    self.operate(frame, one)
        return None

    def transfer(self, frame, one):
        """What gives control away; raises what comes back."""
        verb, text = one[0], one[1]
        if frame.doomed:
            self.log(frame, f"{text} doomed")
            return
        if verb == "yield":
            if getcurrent().parent is None:
                self.log(frame, f"{text} has no parent")
                return
            self.log(frame, text)
        else:
            self.log(frame, f"{text} {self.name_in(one[2])}")
            if self.table[one[2]] is None:
                return
        try:
            if verb == "yield":
                received = getcurrent().parent.switch(*one[2])
            elif verb == "throw":
                received = self.throw(one[2], one[3])
            else:
                received = self.table[one[2]].switch(*one[3])
        except BaseException as error:
            if isinstance(error, GreenletExit) and not hasattr(error, "label"):
                frame.doomed = frame.was_doomed = True
            self.log(frame, f"gets error {label_of(error)} {self.states()}")
            raise
        shown = "" if verb == "send" else " " + rendered(received)
        self.log(frame, f"gets{shown} {self.states()}")

    def throw(self, slot, label):
        if label[0] in "xy" and not self.table[slot] and self.exit_meets_unstarted(self.table[slot]):
            self.known.add("D10")
            if not self.table[slot].dead:
                self.unrun[self.table[slot].name] = fault(label)
            return self.table[slot].switch(fault(label))
        if label == "x0":
            return self.table[slot].throw()
        return self.table[slot].throw(fault(label))

    def operate(self, frame, one):
        """What keeps control, but for the kills that it may cause."""
        verb, text = one[0], one[1]
        shown = ""
        if verb == "new":
            self.table[one[2]] = None
            if len(self.registry) < GREENLETS_MAX:
                old = self.table[one[2]]
                self.table[one[2]] = self.made(*one[3:])
                del old
                shown = self.name_in(one[2])
        elif verb == "reparent":
            shown = "doomed" if frame.was_doomed else self.reparent(one[2], one[3])
        elif verb == "drop":
            shown = self.name_in(one[2])
            self.table[one[2]] = None
        elif verb == "keep":
            old = self.table[one[2]]
            self.table[one[2]] = getcurrent()
            del old
            if frame.name != "main":
                self.registry[int(frame.name[1:]) - 1] = weakref.ref(getcurrent())
            frame.doomed = False
        elif verb == "copy":
            old = self.table[one[2]]
            self.table[one[2]] = self.table[one[3]]
            del old
        elif verb == "look":
            if self.table[one[2]] is not None:
                shown = self.table[one[2]].name + " of " + self.parent_name(self.table[one[2]])
        elif verb == "who":
            shown = getcurrent().name + " of " + self.parent_name(getcurrent())
        elif verb == "defy":
            frame.doomed = False
        else:
            shown = self.name_in(one[2])
            if shown != "-":
                shown += " " + far.ask(self, one)
            getcurrent()
        self.log(frame, f"{text} {shown} {self.states()}")

    def parent_name(self, one):
        return "-" if one.parent is None else one.parent.name

    def reparent(self, slot, parent):
        if self.table[slot] is None or self.table[parent] is None:
            return "-"
        try:
            self.table[slot].parent = self.table[parent]
        except (ValueError, AttributeError) as error:
            return label_of(error)
        return "done"

    def play(self):
        main = Frame("main")
        getcurrent().name = "main"
        self.table[0] = getcurrent()
        try:
            self.run(main, self.bodies["main"], None)
        except BaseException as error:
            self.log(main, f"fails {label_of(error)} {self.states()}")
        self.log(main, f"used {BUDGET - self.budget}")
        self.budget = 0
        for slot in range(SLOTS):
            if self.table[slot] is not None:
                self.table[slot] = None
                self.log(main, f"clears {slot} {self.states()}")
        # What is left is held by suspended frames in a circle.
        for number in range(len(self.registry)):
            if self.is_suspended(self.registry[number]()):
                self.log(main, f"ends g{number + 1}")
                try:
                    received = self.registry[number]().throw(fault("x9"))
                    self.log(main, f"gets {rendered(received)} {self.states()}")
                except BaseException as error:
                    self.log(main, f"gets error {label_of(error)} {self.states()}")

    def is_suspended(self, one):
        return one is not None and bool(one)


class Far:
    """The other thread."""

    def __init__(self):
        self.asked = queue.SimpleQueue()
        self.answers = queue.SimpleQueue()
        threading.Thread(target=self.serve, daemon=True).start()

    def ask(self, machine, one):
        self.asked.put((machine, one))
        return self.answers.get()

    def serve(self):
        while True:
            self.answers.put(self.answer(*self.asked.get()))

    def answer(self, machine, one):
        try:
            if one[0] == "far-switch":
                machine.table[one[2]].switch(*one[3])
            elif one[0] == "far-throw":
                machine.table[one[2]].throw(fault(one[3]))
            else:
                machine.table[one[2]] = None
        except BaseException as error:
            return label_of(error)
        return "done"


class Complaints:
    """Standard error: greenlet says there that an exit did not end a greenlet (K6)."""

    def __init__(self, original):
        self.original = original

    def write(self, text):
        if "did not kill" in text:
            machine.known.add("K6")
        else:
            self.original.write(text) if "<greenlet" not in text and text.strip() else None

    def flush(self):
        self.original.flush()


def count_unraisable(_):
    machine.unraisable += 1


machine = None
far = Far()


def serve():
    global machine
    sys.stderr = Complaints(sys.stderr)
    sys.unraisablehook = count_unraisable
    gc.disable()
    answers = []
    for line in sys.stdin:
        if line.strip():
            machine = Machine(parsed(line))
            machine.play()
            answers.append(",".join(sorted(machine.known)) + "|" + ";".join(machine.trace) + "\n")
        else:
            sys.stdout.write("".join(answers))
            sys.stdout.flush()
            answers.clear()
            # Now, that no collection ends a greenlet in the middle of a program.
            gc.collect()


serve()
