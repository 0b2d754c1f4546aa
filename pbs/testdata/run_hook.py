"""Run a hook on events, as PBS does: run_hook.py HOOK < events.json > answers.json

The events are a list of {"event": "queuejob", "job": {...}, "job_o": {...}, "progname": "/bin/sh",
"argv": [...], "config": {...}, "jobs": [...]}; the answers a list of what the hook
decided and set, or the exception that got out of it.
"""
import contextlib
import io
import json
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "stub"))
import pbs  # noqa: E402


def answer(asked, code):
    kind = getattr(pbs, asked["event"].upper())
    parameters = {}
    if kind == pbs.EXECJOB_LAUNCH:
        values, program, arguments = pbs.as_a_mom_reads(asked.get("job", {}), asked["progname"], asked.get("argv", []))
        parameters = {"job": pbs.job(values), "progname": program, "argv": arguments, "env": pbs.pbs_env(asked.get("env", {}))}
    elif "job" in pbs.PARAMETERS[kind]:
        parameters = {"job": pbs.job(asked.get("job", {})), "job_o": pbs.job(asked.get("job_o", {}))}
    else:
        parameters = {"vnode_list": {pbs.local_node: pbs.vnode()}, "job_list": {name: None for name in asked.get("jobs", [])}}
    pbs.current = pbs.Event(kind, parameters)
    said, error = io.StringIO(), ""
    pbs.hook_config_filename = None
    with tempfile.NamedTemporaryFile("w", suffix=".json") as config:
        if "config" in asked:
            config.write(asked["config"] if isinstance(asked["config"], str) else json.dumps(asked["config"]))
            config.flush()
            pbs.hook_config_filename = config.name
        try:
            with contextlib.redirect_stderr(said):
                exec(code, {"__name__": "__main__"})
        except SystemExit:
            pass
        except BaseException as e:
            error = "%s: %s" % (type(e).__name__, e)
    accepted, message = pbs.current.answer
    if kind == pbs.EXECJOB_LAUNCH:
        accepted, message = pbs.as_a_mom_takes((accepted, message), parameters, (program, arguments))
    nodes = parameters.get("vnode_list", {})
    return {
        "accepted": accepted and not error, "message": message, "error": error, "stderr": said.getvalue(),
        "progname": parameters.get("progname", ""), "argv": parameters.get("argv", []),
        "euser": getattr(parameters.get("job"), "euser", None),
        "node": nodes[pbs.local_node].resources_available["jrun_version"] if nodes else None,
    }


def main():
    with open(sys.argv[1]) as file:
        code = compile(file.read(), sys.argv[1], "exec")
    json.dump([answer(asked, code) for asked in json.load(sys.stdin)], sys.stdout)


main()
