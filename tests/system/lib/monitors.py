"""monitors.py SCENARIO: one scenario of tests/system/monitors, which makes the namespaces and certificates that it needs."""

import importlib
import sys
import traceback

from monitored import Failure

SCENARIOS = {
    "tls": "monitor_checks",
    "booted": "monitor_checks",
    "checks": "monitor_checks",
    "strange": "monitor_checks",
    "link": "monitor_link",
    "load": "monitor_load",
    "notices": "monitor_notices",
    "reminders": "monitor_notices",
    "maintenance": "monitor_notices",
    "original": "monitor_original",
    "reload": "monitor_reload",
}


def main():
    (scenario,) = sys.argv[1:]
    try:
        getattr(importlib.import_module(SCENARIOS[scenario]), scenario)()
    except Failure as failure:
        print(f"FAILED  {scenario}: {failure}", flush=True)
        sys.exit(1)
    except Exception:  # what cannot be checked has failed
        traceback.print_exc()
        sys.exit(1)


main()
