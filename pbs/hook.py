"""The OpenPBS hook of jrun: a job that names a container image runs inside it.

    qsub -l container_image=harbor.example.ac.jp/lab/sim:2 job.sh

What it does, event by event:

  queuejob, modifyjob   look at what was typed and refuse what cannot work
  execjob_launch        put `jrun pbs-launch` before the program, on every node
  exechost_periodic,    say which jrun this node has, and end what is left here
  exechost_startup      of jobs that have ended

It is made so that nothing which a user types can become more than a message:

  - It starts nothing for a job and asks nothing of the network: images are
    fetched, converted and entered by jrun itself, as the job's owner, in the job.
  - MoMs get jobs as lines of text without escapes, so a line's end in an
    attribute would set others (job.euser=root). Such jobs are refused; and still
    nothing here is done as root because an attribute says so.
  - Whatever goes wrong, the program does not run outside of its image.

`jrun pbs install` writes it, and its configuration, into the server.
"""
import json
import os
import re
import sys

import pbs

RESOURCE = "container_image"  # Altair's own hook uses the same names
VARIABLE = "CONTAINER_IMAGE"
OPTIONS = "JRUN_OPTIONS"
NODE_RESOURCE = "jrun_version"  # on each node: what it has

DEFAULTS = {
    "jrun": "/usr/local/bin/jrun",
    "default_registry": "",
    "allowed_registries": [],
    "options": [],
    "version": "",
}

CONTROL = re.compile(r"[\x00-\x1f\x7f]")
TAG = r"(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?"
HOST = re.compile(r"^([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:[0-9]+)?$")
NAME = re.compile(r"^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*" + TAG + "$")
FILES = ("oci:", "oci-archive:", "docker-archive:")


class Refused(Exception):
    """What was asked for cannot be; the text says why, and what to type instead."""


def main():
    """Answer the event. Leaving by SystemExit is PBS's way to end a hook."""
    event = pbs.event()
    handlers = {
        pbs.QUEUEJOB: submitted,
        pbs.MODIFYJOB: submitted,
        pbs.EXECJOB_LAUNCH: launched,
        pbs.EXECHOST_PERIODIC: looked_after,
        pbs.EXECHOST_STARTUP: looked_after,
    }
    try:
        handlers[event.type](event, configuration())
    except Refused as why:
        refuse(event, str(why))
    except Exception as error:  # not SystemExit: that is accept() or reject()
        refuse(event, "the hook of jrun has failed (%s: %s)\n  next: tell the administrator: "
                      "jrun pbs check" % (type(error).__name__, error))
    event.accept()


def configuration():
    """The configuration that was imported with the hook."""
    settings = dict(DEFAULTS)
    if pbs.hook_config_filename:
        with open(pbs.hook_config_filename) as file:
            settings.update(json.load(file))
    return settings


def refuse(event, text):
    """End the job or the request, with a text where its owner looks."""
    text = "jrun: " + text
    if event.type == pbs.EXECJOB_LAUNCH:  # the job's error file or terminal; PBS logs the rest
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
        # Should the rejection get lost, this is what runs. (One with a line's end does:
        # MoMs read answers as lines, too, and then start the program as it was.)
        event.progname = "/bin/sh"
        event.argv = ["sh", "-c", "exit 125"]
    if event.type not in (pbs.QUEUEJOB, pbs.MODIFYJOB):
        text = printable(text.replace("\n", ";"))
    event.reject(text[:3000])


# --- queuejob, modifyjob ----------------------------------------------------

def submitted(event, settings):
    """Check what was typed. A modification carries only what it changes."""
    job = event.job
    no_forged_lines(job)
    image, options = image_of(job), variables_of(job).get(OPTIONS)
    if event.type == pbs.MODIFYJOB:
        before = event.job_o
        image = image or image_of(before)
        options = options or variables_of(before).get(OPTIONS)
    if image:
        check_image(image, settings)
    if options and image:
        check_options(unescaped(options), settings["options"])
    elif options:
        raise Refused("%s is set, but the job names no image\n  next: qsub -l %s=IMAGE …" % (OPTIONS, RESOURCE))


def no_forged_lines(job):
    """Refuse attributes that a MoM would read as more than one line."""
    # Submit_arguments repeats what others have: the message is to name those.
    for name in sorted(job.attributes, key=lambda name: name == "Submit_arguments"):
        value = getattr(job, name, None)
        if value is None:
            continue
        if name == "Variable_List":
            # Its values may have lines (functions of a shell have); MoMs read it
            # up to the next three quotes.
            for variable in value:
                if '"""' in str(value[variable]) or CONTROL.search(str(variable)):
                    raise Refused("the variable %s has three quotes in a row, which PBS cannot pass on\n"
                                  "  next: leave it out: unset it, or use -v with names instead of -V" % printable(variable))
        elif isinstance(value, pbs.pbs_resource):
            for resource in value.keys():
                no_control("the resource " + str(resource), value[resource])
        else:
            no_control("the attribute " + name, value)


def no_control(what, value):
    if CONTROL.search(str(value)):
        raise Refused("%s has control characters: %s\n  next: write it in one line, without tabs" % (what, printable(value)))


def printable(value):
    """The beginning of value, with nothing that controls a terminal."""
    return CONTROL.sub("?", str(value))[:1000]


def image_of(job):
    """The image that a job names, or None."""
    asked = resource_of(job)
    variable = variables_of(job).get(VARIABLE)
    variable = unescaped(str(variable)) if variable else None
    if asked and variable and asked != variable:
        raise Refused("two images are named: -l %s=%s and %s=%s\n  next: leave out one of them"
                      % (RESOURCE, printable(asked), VARIABLE, printable(variable)))
    return asked or variable


def resource_of(job):
    resources = job.Resource_List
    if resources is None or RESOURCE not in resources.keys():
        return None
    return str(resources[RESOURCE] or "") or None


def variables_of(job):
    return job.Variable_List or {}


def unescaped(value):
    """PBS keeps values of variables with \\ before commas and before itself."""
    return re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL)


def check_image(image, settings):
    """Refuse what cannot be the name of an image, or is not allowed here."""
    if CONTROL.search(image):
        raise Refused("the image's name has control characters: %s\n  next: write -l %s=REGISTRY/PROJECT/NAME:TAG" % (printable(image), RESOURCE))
    if image.startswith(FILES) or image.startswith(("/", ".")):
        if not image.split(":", 1)[-1].startswith("/"):
            raise Refused("%s is a path, but PBS does not know from where\n  next: begin it with /" % image)
        return
    name = image[len("docker://"):] if image.startswith("docker://") else image
    host, _, rest = name.partition("/")
    if not rest or not ("." in host or ":" in host or host == "localhost"):
        host, rest = "", name
    if (host and not HOST.match(host)) or not NAME.match(rest):
        raise Refused("%r is not the name of an image%s\n  next: write -l %s=REGISTRY/PROJECT/NAME:TAG"
                      % (image, " (names are in lower case)" if rest != rest.lower() else "", RESOURCE))
    if not host:
        if not settings["default_registry"]:
            raise Refused("%s names no registry\n  next: write -l %s=REGISTRY/%s" % (image, RESOURCE, rest))
        name = settings["default_registry"].rstrip("/") + "/" + rest
    allowed = settings["allowed_registries"]
    if allowed and not any(name.startswith(prefix.rstrip("/") + "/") for prefix in allowed):
        raise Refused("images from there are not allowed here: %s\n  next: use one from %s" % (image, " or ".join(allowed)))


def check_options(text, allowed):
    """Refuse options of jrun that the site has not listed."""
    import shlex  # here, as below: each takes milliseconds that launches do without
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise Refused("%s cannot be read: %s: %s" % (OPTIONS, error, printable(text)))
    for word in words:
        if word.startswith("-") and word.split("=", 1)[0] not in allowed:
            raise Refused("%s may not have %s here\n  next: %s" % (
                OPTIONS, printable(word.split("=", 1)[0]),
                "use only " + " ".join(allowed) if allowed else "leave %s out" % OPTIONS))


# --- execjob_launch ---------------------------------------------------------

def launched(event, settings):
    """Put jrun before a program of the job: its shell, or a task on any node."""
    image = image_of(event.job)
    if not image:
        return
    if CONTROL.search(image):  # of a variable: those of resources do not get here
        raise Refused("the image's name has control characters: %s" % printable(image))
    jrun = settings["jrun"]
    if not os.access(jrun, os.X_OK):
        raise Refused("this node has no %s, so the job cannot run in its image\n"
                      "  next: tell the administrator: jrun pbs check" % jrun)
    program, arguments = str(event.progname), [str(a) for a in event.argv or []]
    # A shell gets no arguments, and the script on its standard input. What PBS
    # puts in the place of argv[0] is lost, and so is white space at the beginning.
    mode = "task" if arguments else "shell"
    event.progname = jrun
    event.argv = ["jrun", "pbs-launch", "--mode=" + mode, "--image=" + image, "--", program] + [quoted(a) for a in arguments[1:]]


def quoted(argument):
    """What PBS passes on whole, and pbs-launch reads."""
    return "=" + argument if argument == "" or argument[0] in " \t=" else argument


# --- exechost_periodic, exechost_startup ------------------------------------

def looked_after(event, settings):
    """Say which jrun this node has, and end the sandboxes of jobs that are gone."""
    node = event.vnode_list[pbs.get_local_nodename()]
    node.resources_available[NODE_RESOURCE] = version_here(settings["jrun"])
    if event.type == pbs.EXECHOST_PERIODIC:
        end_orphans([str(job) for job in event.job_list.keys()])


def version_here(jrun):
    import subprocess
    try:
        text = subprocess.check_output([jrun, "version"], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=10)
        return re.sub(r"[^A-Za-z0-9.+_-]", "-", text.decode("utf-8", "replace").split()[1])[:60]
    except (OSError, subprocess.SubprocessError, IndexError):
        return "missing"


def end_orphans(jobs):
    """Ask jrun's holders of jobs that this node has no more to end. What a process
    says of itself can only end that process."""
    import signal
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/comm" % pid) as file:
                if file.read().strip() != "jrun-holder":
                    continue
            with open("/proc/%s/environ" % pid, "rb") as file:
                environment = dict(e.split(b"=", 1) for e in file.read().split(b"\0") if b"=" in e)
            job = environment.get(b"PBS_JOBID", b"").decode("utf-8", "replace")
            if job and job not in jobs:
                os.kill(int(pid), signal.SIGPWR)
        except (OSError, ValueError):
            pass  # it has ended meanwhile


main()
