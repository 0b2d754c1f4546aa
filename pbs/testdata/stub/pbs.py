"""A stand-in for the `pbs` module that OpenPBS gives to its hooks.

It behaves as a real server and MoM were seen to behave (OpenPBS 23.06.06): what can
be read and set in which event, which exceptions come when, and how MoMs read jobs
from lines of text that nothing in them is escaped in. ../run_hook.py makes the event.
"""

QUEUEJOB, MODIFYJOB, RUNJOB = 1, 2, 8
EXECJOB_LAUNCH, EXECHOST_PERIODIC, EXECHOST_STARTUP = 0x100000, 0x4000, 0x40000
EVENT_DEBUG, LOG_WARNING = 0x80, 4

hook_config_filename = None
MESSAGE_LIMIT = 3171  # bytes of a rejection that arrive

current = None  # the event, set by run_hook.py
log = []
local_node = "node1"


class EventIncompatibleError(AttributeError):
    pass


class UnsetAttributeNameError(AttributeError):
    pass


class BadAttributeValueError(ValueError):
    pass


class Name:
    """Job_Name and project: never equal to a str, and only str() gives their text."""

    def __init__(self, text):
        self._text = text

    def __str__(self):
        return self._text

    __repr__ = __str__


class pbs_env(dict):
    """Variables. Values keep \\ before a comma and before another one."""


class pbs_resource:
    """Resources, by [] and as attributes. There is no get()."""

    def __init__(self, values, known):
        object.__setattr__(self, "_values", dict(values))
        object.__setattr__(self, "_known", set(known) | set(values))

    def __getitem__(self, name):
        return self.__getattr__(name)

    def __setitem__(self, name, value):
        self._values[name] = value

    def __getattr__(self, name):
        if name not in self._known:
            raise AttributeError("'pbs_resource' object has no attribute '%s'" % name)
        return self._values.get(name)

    def __contains__(self, name):
        return name in self._values

    def keys(self):
        return list(self._values)


class pbs_int(int):
    pass


STRINGS = ["Account_Name", "Output_Path", "Error_Path", "Shell_Path_List", "executable", "argument_list", "comment", "Job_Owner", "euser", "egroup", "queue", "depend", "Mail_Users", "schedselect", "exec_vnode", "umask"]
NAMES = ["Job_Name", "project"]
RESOURCES = ["ncpus", "mem", "walltime", "container_image"]


class job:
    attributes = {name: None for name in STRINGS + NAMES + ["id", "Resource_List", "Variable_List", "Priority"]}

    def __init__(self, values):
        object.__setattr__(self, "_values", {})
        for name, value in values.items():
            self._take(name, value)

    def _take(self, name, value):
        if name in NAMES:
            value = Name(value)
        elif name == "Variable_List":
            value = pbs_env(value)
        elif name == "Resource_List":
            value = pbs_resource(value, RESOURCES)
        elif name == "Priority":
            value = pbs_int(value)
        self._values[name] = value

    def __getattr__(self, name):
        if name not in job.attributes:
            raise AttributeError("'_job' object has no attribute '%s'" % name)
        if name == "id":
            return self._values.get("id", "")
        return self._values.get(name)

    def __setattr__(self, name, value):
        if name not in job.attributes:
            raise UnsetAttributeNameError("job attribute '%s' not found" % name)
        if current._ended:
            raise AssertionError("the event has been answered")
        self._values[name] = value


class vnode:
    def __init__(self):
        self.resources_available = pbs_resource({}, ["jrun_version", "ncpus"])


PARAMETERS = {
    QUEUEJOB: ["job"],
    MODIFYJOB: ["job", "job_o"],
    RUNJOB: ["job"],
    EXECJOB_LAUNCH: ["job", "progname", "argv", "env", "vnode_list"],
    EXECHOST_PERIODIC: ["vnode_list", "job_list"],
    EXECHOST_STARTUP: ["vnode_list"],
}
SETTABLE = ["progname", "argv", "env"]


class Event:
    def __init__(self, kind, parameters, requestor="alice"):
        own = {"type": kind, "requestor": requestor, "_parameters": parameters, "_ended": False, "answer": (True, "")}
        for name, value in own.items():
            object.__setattr__(self, name, value)

    def __getattr__(self, name):
        if name in PARAMETERS[self.type]:
            return self._parameters.get(name)
        if any(name in names for names in PARAMETERS.values()):
            raise EventIncompatibleError("this event has no '%s'" % name)
        raise AttributeError("'_event' object has no attribute '%s'" % name)

    def __setattr__(self, name, value):
        if name not in SETTABLE:
            raise UnsetAttributeNameError("event attribute '%s' not found" % name)
        if name not in PARAMETERS[self.type]:
            raise EventIncompatibleError("this event has no '%s'" % name)
        if self._ended:
            raise AssertionError("the event has been answered")
        self._parameters[name] = value

    def _answer(self, accepted, message):
        object.__setattr__(self, "answer", (accepted, message))
        object.__setattr__(self, "_ended", True)

    def accept(self):
        self._answer(True, "")
        raise SystemExit("0")

    def reject(self, message=""):
        self._answer(False, message.encode()[:MESSAGE_LIMIT].decode(errors="ignore"))
        raise SystemExit("255")


def as_a_mom_takes(answer, parameters, before):
    """What a MoM makes of a hook's answer: it reads that as lines, too, and starts the
    program as it was if one of them makes no sense."""
    accepted, message = answer
    lines = [message, parameters["progname"]] + list(parameters["argv"])
    if any("\n" in line for line in lines):
        parameters["progname"], parameters["argv"] = before
        return True, ""
    return accepted, message


def event():
    return current


def get_local_nodename():
    return local_node


def logmsg(level, message):
    if not isinstance(level, int):
        raise TypeError("an integer is required")
    log.append(message)


def as_a_mom_reads(attributes, progname, argv):
    """What becomes of a job and a program on their way to a MoM's hook: lines, in
    which only the variables have quotes around them."""
    lines = []
    for name, value in attributes.items():
        if name == "Resource_List":
            lines += ["pbs.event().job.Resource_List[%s]=%s" % pair for pair in value.items()]
        elif name == "Variable_List":
            lines.append('pbs.event().job.Variable_List="""%s"""' % ",".join("%s=%s" % pair for pair in value.items()))
        else:
            lines.append("pbs.event().job.%s=%s" % (name, value))
    lines.append("pbs.event().progname=%s" % progname)
    lines += ["pbs.event().argv[%d]=%s" % pair for pair in enumerate(argv)]
    values, resources, arguments, program = {}, {}, [], ""
    rest = "\n".join(lines) + "\n"
    while rest:
        key, _, rest = rest.partition("=")
        if rest.startswith('"""'):
            value, _, rest = rest[3:].partition('"""')
            rest = rest.partition("\n")[2]
        else:
            value, _, rest = rest.partition("\n")
        key = key.strip().lstrip("\n").rpartition("\n")[2]
        if key.startswith("pbs.event().job.Resource_List["):
            resources[key[len("pbs.event().job.Resource_List["):-1]] = value
        elif key.startswith("pbs.event().job."):
            values[key[len("pbs.event().job."):]] = value
        elif key.startswith("pbs.event().argv["):
            arguments.append(value.lstrip(" "))
        elif key == "pbs.event().progname":
            program = value
    if resources:
        values["Resource_List"] = resources
    if "Variable_List" in values:
        values["Variable_List"] = dict(v.partition("=")[::2] for v in split_unescaped(values["Variable_List"]))
    return values, program, arguments


def split_unescaped(text):
    """Split at the commas that have no \\ before them."""
    parts, part, escaped = [], "", False
    for c in text:
        if c == "," and not escaped:
            parts.append(part)
            part = ""
        else:
            part += c
        escaped = c == "\\" and not escaped
    return parts + [part]
