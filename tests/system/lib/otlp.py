"""otlp.py SCENARIO: one scenario of tests/system/otlp, which makes the namespaces and certificates that it needs."""

import importlib
import os
import sys
import traceback

from monitored import Failure

SCENARIOS = {
    "signals": "otlp_signals",
    "settings": "otlp_settings",
    "grpc": "otlp_transport",
    "tls": "otlp_transport",
    "http": "otlp_transport",
    "nginx": "otlp_transport",
    "rotel": "otlp_transport",
    "answers": "otlp_answers",
    "ill": "otlp_ill",
    "outage": "otlp_outage",
    "killed": "otlp_spool",
    "stopped": "otlp_spool",
    "prometheus": "otlp_scraped",
    "off": "otlp_off",
}


def main():
    (scenario,) = sys.argv[1:]
    status = 0
    try:
        getattr(importlib.import_module(SCENARIOS[scenario]), scenario)()
    except Failure as failure:
        print(f"FAILED  {scenario}: {failure}", flush=True)
        status = 1
    except Exception:  # what cannot be checked has failed
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # grpcio's threads may have calls that nobody ends


main()
