"""SIGHUP, files with mistakes in them, and secrets."""

import datetime
import os
import re
import subprocess
import time

from monitored import IMALIVE, SCRATCH, Agent, Peers, captured, configuration, expect, http_monitor, ok, running, tcp_monitor, wait_until


def check_file(file, **variables):
    """`imalive check FILE`: its status and all that it says."""
    found = subprocess.run(
        [IMALIVE, "check", file], env={"PATH": os.environ["PATH"], "IMALIVE_NODE_NAME": "anode", **variables}, capture_output=True, text=True, timeout=10, check=False
    )
    said = found.stdout + found.stderr
    captured.append(said)
    return found.returncode, said


def reload():
    keeps_what_is_unchanged()
    refuses_what_is_wrong()
    tells_no_secret()


def successful(agent):
    return agent.prom()["imalive_config_last_reload_successful"]


def apart(one, other):
    """Seconds between the moments since when both are in their states. They are printed by a clock that may be set."""
    return abs((datetime.datetime.fromisoformat(one["since"]) - datetime.datetime.fromisoformat(other["since"])).total_seconds())


def keeps_what_is_unchanged():
    peers = Peers()
    web, told = peers.listen("web", "web"), peers.listen("receiver", "receiver")
    gone = peers.listen("gone", "silent")
    peers.close("gone")

    def at(name, path, port=web, **keys):
        return http_monitor(name, f"http://127.0.0.1:{port}{path}", **keys)

    webhook = {"webhook": {"url": f"http://127.0.0.1:{told}/hook"}}
    well, ill = at("well", "/ok.json"), at("ill", "/", gone)
    changed, removed = at("changed", "/ok.json"), tcp_monitor("removed", f"127.0.0.1:{web}")
    with running(peers, Agent(configuration(removed, changed, well, ill, **webhook))) as (_, agent):
        agent.wait_states(10, well="up", ill="down", changed="up", removed="up")
        wait_until(10, peers.messages, "the message that one is down")
        time.sleep(3)
        before = agent.monitors()
        checks = {name: agent.series("imalive_monitor_checks_total", name) for name in before}
        messages = len(peers.messages())
        # Each of them at another place than before, and one that depends on another.
        agent.reload(configuration(at("added", "/nothing", depends_on=["ill"]), ill, well, at("changed", "/nothing"), **webhook))
        wait_until(5, lambda: set(agent.states()) == {"added", "ill", "well", "changed"}, "the new list of monitors")
        after = agent.monitors()
        for name in ("well", "ill"):
            expect(after[name]["state"] == before[name]["state"], f"{name} was {before[name]['state']} and is {after[name]['state']}")
            expect(apart(after[name], before[name]) < 0.5, f"{name} was so since {before[name]['since']}, now since {after[name]['since']}")
            total = agent.series("imalive_monitor_checks_total", name)
            expect(total >= checks[name], f"{name}: {checks[name]} checks before, {total} after the reload")
        expect(successful(agent) == 1, "the reload is not called successful")
        expect(not [series for series in agent.prom() if '"removed"' in series], "series of a removed monitor")
        expect(agent.ask("/v1/monitors/removed")[0] == 404, "a removed monitor is still answered")
        agent.wait_states(10, changed="down", added="unknown")
        wait_until(10, lambda: len(peers.messages()) == messages + 1, "the message about the changed one")
        time.sleep(2)
        since = len(peers.messages()) - messages
        expect(since == 1, f"{since} messages after the reload: {[each['body'] for each in peers.messages()[messages:]]}")
        ok("a reload adds, changes and removes monitors; state, counters and messages of the others go on")
        agent.reload()
        time.sleep(2)
        again = agent.monitors()
        expect(all(apart(again[name], after[name]) < 0.5 for name in ("well", "ill")), "a reload of the same file changed something")


def refuses_what_is_wrong():
    peers = Peers()
    web = peers.listen("web", "web")
    url = f"http://127.0.0.1:{web}/ok.json"
    good = configuration(http_monitor("well", url))
    mistakes = {
        "an unknown key": (f"monitors:\n  - type: http\n    name: well\n    url: {url}\n    expected_kontain: x\n", 5, "expected_kontain"),
        "a wrong type": (f"monitors:\n  - type: http\n    name: well\n    url: {url}\n    timeout: soon\n", 5, "timeout"),
        "a name given twice": (f"monitors:\n  - {{type: http, name: well, url: '{url}'}}\n  - {{type: http, name: well, url: '{url}'}}\n", 3, "well"),
        "names of one metric": (f"monitors:\n  - {{type: http, name: a b, url: '{url}'}}\n  - {{type: http, name: a-b, url: '{url}'}}\n", 3, "a-b"),
        "an unknown dependency": (f"monitors:\n  - type: http\n    name: well\n    url: {url}\n    depends_on: [router]\n", 5, "router"),
        "a circle": (
            f"monitors:\n  - {{type: http, name: a, url: '{url}', depends_on: [b]}}\n  - {{type: http, name: b, url: '{url}', depends_on: [a]}}\n",
            None,
            "depends_on",
        ),
        "no YAML": ('monitors: [{type: http, name: "well}\n', None, ""),
    }
    with running(peers, Agent(good)) as (_, agent):
        agent.wait_states(10, well="up")
        for what, (text, line, word) in mistakes.items():
            heard = len(agent.stderr)
            agent.reload(text)
            wait_until(5, lambda: successful(agent) == 0, f"{what} is not noticed")
            time.sleep(0.3)
            said = [entry for _, entry in list(agent.stderr)[heard:] if not entry.startswith("INFO")]
            place = rf"imalive\.yml:{line}:\d+" if line else r"imalive\.yml"
            expect(len(said) == 1 and re.search(place, said[0]) and word in said[0], f"{what}: {said}, not one line with {place} and {word}")
            expect(agent.states() == {"well": "up"}, f"{what}: the last good configuration is gone: {agent.states()}")
            status, found = check_file(agent.file)
            expect(status == 78 and word in found, f"{what}: imalive check ends with {status}: {found}")
            start = subprocess.run(
                [IMALIVE], env={"IMALIVE_CONFIG": str(agent.file), "IMALIVE_NODE_NAME": "anode", "LISTEN_PORT": "0"}, capture_output=True, text=True, timeout=10, check=False
            )
            expect(start.returncode == 78, f"{what}: a start ends with {start.returncode}: {start.stderr}")
            agent.reload(good)
            wait_until(5, lambda: successful(agent) == 1, f"a good file after {what} is not taken")
        total = agent.series("imalive_monitor_checks_total", "well")
        expect(total >= 3, f"only {total} checks, so it lost its state")
        ok(f"{len(mistakes)} kinds of mistake: on reload the last good file stays, with one line about it; at start and in imalive check 78")
        never = f"defaults: {{interval: 1, retry_interval: 1}}\nmonitors:\n  - {{type: ftp, name: files, url: 'ftp://x'}}\n  - {{type: http, name: patch, url: '{url}', method: PATCH}}\n  - {{type: tcp, name: portless, url: nonsense}}\n"
        agent.reload(never)
        agent.wait_states(10, files="down", patch="down", portless="down")
        status, found = check_file(agent.file)
        expect(status == 0 and all(name in found for name in ("files", "patch", "portless")), f"imalive check ends with {status}: {found}")
        ok("what the original took and then reported at each round still starts, and fails; imalive check warns of it")


SECRETS = {
    "a password": "pw-3b1c9f",
    "a password in a file": "pwfile-77ad02",
    "an Authorization header": "bearer-51e6d0",
    "a Cookie header": "cookie-9a44c1",
    "a reference in a URL": "token-c80b2e",
    "a reference in a body": "body-1f7733",
    "a webhook's URL": "hook-e2d915",
    "a webhook's header": "hookheader-40aa9b",
    "Slack's token": "slack-6c3d18",
}


def tells_no_secret():
    peers = Peers()
    login = f"alice:{SECRETS['a password']}"
    web, told = peers.listen("web", "web", login=login), peers.listen("receiver", "receiver", failures=2)
    gone = peers.listen("gone", "silent")
    peers.close("gone")
    kept = SCRATCH / "password"
    kept.write_text(SECRETS["a password in a file"] + "\n", encoding="ascii")
    url = f"http://127.0.0.1:{web}"
    fields = [
        {"name": "Authorization", "value": f"Bearer {SECRETS['an Authorization header']}"},
        {"name": "Cookie", "value": f"session={SECRETS['a Cookie header']}"},
        {"name": "X-Plain", "value": "to be seen"},
    ]
    config = configuration(
        http_monitor("private", f"{url}/private", username="alice", password=SECRETS["a password"], level="INFO"),
        http_monitor("from-file", f"{url}/private", username="alice", password_file=str(kept)),
        http_monitor("headers", f"{url}/ok.json", headers=fields, level="INFO"),
        http_monitor("headers-gone", f"http://127.0.0.1:{gone}/", headers=fields),
        http_monitor("in-url", f"{url}/nothing?key=${{TOKEN}}"),
        http_monitor("in-url-gone", f"http://127.0.0.1:{gone}/?key=${{TOKEN}}"),
        http_monitor("in-body", f"{url}/echo", method="POST", body="${BODY}", expected_contain="nope"),
        webhook={"url": f"http://127.0.0.1:{told}/${{HOOK}}", "headers": [{"name": "X-Secret", "value": "${HOOK_HEADER}"}]},
    )
    variables = {
        "TOKEN": SECRETS["a reference in a URL"],
        "BODY": SECRETS["a reference in a body"],
        "HOOK": SECRETS["a webhook's URL"],
        "HOOK_HEADER": SECRETS["a webhook's header"],
        "SLACK_TOKEN": SECRETS["Slack's token"],
        "SLACK_TRIGGER": "yes",
        "SLACK_CHANNEL": "#x",
        "SLACK_EMOJI": ":x:",
        "LOG_LEVEL": "debug",
    }
    with running(peers, Agent(config, **variables)) as (_, agent):
        agent.wait_states(15, private="up", from_file="down", headers="up", headers_gone="down", in_url="down", in_url_gone="down", in_body="down")
        wait_until(75, peers.messages, "a message at the webhook")
        time.sleep(2)
        for path in ("/v1/monitors", *(f"/v1/monitors/{name}" for name in agent.monitors()), "/v1/prom", "/v1/health", "/v1/metrics", "/v1/manifest"):
            agent.ask(path)
        status, said = check_file(agent.file, **variables)
        expect(status == 0, f"imalive check ends with {status}: {said}")
        # Where a mistake stands beside a secret, or is one.
        for mistake in ("password: [{}]", "passwort: {}", "url: [{}]", "headers: {}", "timeout: {}", "username: {{a: {}}}"):
            # In the wrong place it is not known to be one: what a number or a list should have been is shown.
            beside = "pass" in mistake or "user" in mistake
            agent.reload("monitors:\n  - type: http\n    name: x\n    " + mistake.format(SECRETS["a password"] if beside else "misplaced") + "\n")
            wait_until(5, lambda: successful(agent) == 0, f"{mistake} is not noticed")
            if beside:
                check_file(agent.file)
            agent.reload(config)
            wait_until(5, lambda: successful(agent) == 1, "the good file is not taken")
        sent = peers.events("web", "request")
        seen = str([(each["target"], each["headers"], each["body"]) for each in sent]) + str([(each["target"], each["headers"]) for each in peers.messages()])
        for what, secret in SECRETS.items():
            if what not in ("a password", "a password in a file", "Slack's token"):
                expect(secret in seen, f"{what} never arrived where it belongs")
            leaks = [text for text in captured if secret in text]
            expect(not leaks, f"{what} is told: {leaks[:1]}")
        expect(any("to be seen" in text for text in captured), "nothing of the headers is shown, so the search proves little")
    ok(f"{len(SECRETS)} secrets arrive where they belong and are nowhere in {len(captured)} lines and answers")
