"""Outages, and who is told of them: once for each cause."""

import datetime
import time

from monitored import Agent, Peers, configuration, expect, http_monitor, ok, running, tcp_monitor, wait_until

SLACK = {"SLACK_TRIGGER": "yes", "SLACK_USERNAME": "pi", "SLACK_CHANNEL": "#nodes", "SLACK_EMOJI": ":strawberry:"}


def told(messages):
    """Of each message its kind and the monitors that it names."""
    return [(each["json"]["kind"], sorted(item["name"] for item in each["json"]["monitors"])) for each in messages]


def settled(peers, name="receiver", seconds=4):
    """The messages, once none has come for a while."""
    count = len(peers.messages(name))
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(0.2)
        if len(peers.messages(name)) != count:
            count, deadline = len(peers.messages(name)), time.monotonic() + seconds
    return peers.messages(name)


def notices():
    peers = Peers()
    ports = {name: peers.listen(name, "web") for name in ("router", "behind-one", "behind-two", "a", "b", "c", "well")}
    hooks = {name: peers.listen(name, "receiver") for name in ("receiver", "stubborn", "hangs", "slack", "discord")}
    peers.set("stubborn", failures=3)
    peers.set("hangs", hang=True)

    def at(name, **keys):
        return http_monitor(name, f"http://127.0.0.1:{ports[name]}/ok.json", **keys)

    config = configuration(
        at("behind-one", depends_on=["router"]),
        tcp_monitor("router", f"127.0.0.1:{ports['router']}", gate=True),
        at("behind-two", depends_on=["router"]),
        at("a"),
        at("b"),
        at("c"),
        at("well"),
        webhooks=[{"url": f"http://127.0.0.1:{hooks[name]}/hook"} for name in ("hangs", "receiver", "stubborn")],
    )
    variables = {
        **SLACK,
        "SLACK_TOKEN": f"http://127.0.0.1:{hooks['slack']}/slack",
        "DISCORD_TOKEN": f"http://127.0.0.1:{hooks['discord']}/discord",
    }
    with running(peers, Agent(config, **variables)) as (_, agent):
        agent.wait_states(10, router="up", behind_one="up", behind_two="up", a="up", b="up", c="up", well="up")
        expect(agent.ask("/v1/health")[0] == 200, "/v1/health is not well at the start")
        expect(not peers.messages(), "messages at the start")
        since = time.monotonic()

        for name in ("behind-one", "router", "behind-two"):
            peers.close(name)
        agent.wait_states(15, router="down", behind_one="unknown", behind_two="unknown")
        status, body = agent.ask("/v1/health")
        expect(status == 503 and '"status":"ko"' in body and '"alive":true' in body and "router" in body, f"a gate is closed, /v1/health says {status}: {body}")
        cause = agent.monitors()["behind-one"]["cause"]
        expect("router" in cause, f"the cause of what is behind the router: {cause!r}")
        wait_until(40, peers.messages, "a message about the router")
        expect(told(settled(peers)) == [("down", ["router"])], f"messages: {told(peers.messages())}")
        ok("a router and two services behind it die together: one message, about the router; /v1/health answers 503")

        for name in ("router", "behind-one", "behind-two"):
            peers.listen(name, "web", port=ports[name])
        agent.wait_states(15, router="up", behind_one="up", behind_two="up")
        expect(agent.ask("/v1/health")[0] == 200, "the gate stays closed")
        wait_until(40, lambda: len(peers.messages()) == 2, lambda: f"a message that it is back, only {told(peers.messages())}")
        recovery = settled(peers)[-1]
        lasted = recovery["json"]["monitors"][0]["lasted_seconds"]
        expect(told(peers.messages())[1:] == [("recovered", ["router"])], f"messages: {told(peers.messages())}")
        expect(3 <= lasted <= time.monotonic() - since, f"the outage lasted {lasted} s")
        expect("after" in recovery["json"]["text"], f"no length in {recovery['json']['text']!r}")
        ok(f"it is back: one message, {recovery['json']['text']!r}")

        for name in ("a", "b", "c"):
            peers.close(name)
        agent.wait_states(15, a="down", b="down", c="down")
        wait_until(45, lambda: len(peers.messages()) == 3, lambda: f"a message about three, only {told(peers.messages())}")
        expect(told(settled(peers))[2:] == [("down", ["a", "b", "c"])], f"messages: {told(peers.messages())[2:]}")
        ok(f"three fall with one cause: one message, {peers.messages()[2]['json']['text']!r}")

        # 5, 10 and 20 s after its failures, and once more for each message that waited.
        wait_until(60, lambda: len(peers.messages("stubborn")) == 3, lambda: f"all at the receiver that failed, only {told(peers.messages('stubborn'))}")
        expect(told(settled(peers, "stubborn")) == told(peers.messages()), f"it was told {told(peers.messages('stubborn'))}")
        attempts = peers.messages("stubborn", accepted=False)
        expect([each["status"] for each in attempts] == [500, 500, 500, 200, 200, 200], f"attempts: {[each['status'] for each in attempts]}")
        pauses = [b["at"] - a["at"] for a, b in zip(attempts[:4], attempts[1:4])]
        expect(pauses[0] < pauses[1] < pauses[2], f"pauses between its attempts: {pauses}")
        ok(f"a receiver that failed three times was told each message once, after pauses of {', '.join(f'{pause:.0f} s' for pause in pauses)}")

        slack, discord = peers.messages("slack"), peers.messages("discord")
        colours = [[each["json"]["attachments"][0]["color"] for each in found] for found in (slack, discord)]
        expect(colours == [["#D80020", "#95C8F3", "#D80020"]] * 2, f"colours: {colours}")
        expect([each["target"] for each in (slack[0], discord[0])] == ["/slack", "/discord/slack"], "posted elsewhere")
        first = slack[0]["json"]
        expect((first["username"], first["channel"], first["icon_emoji"]) == ("pi", "#nodes", ":strawberry:"), f"to Slack: {first}")
        expect(first["attachments"][0]["title"] == "ERROR" and "router" in first["attachments"][0]["text"], f"to Slack: {first}")
        expect(discord[0]["json"].get("username") == "pi" and "channel" not in discord[0]["json"], f"to Discord: {discord[0]['json']}")
        expect(slack[0]["headers"]["content-type"].startswith("application/json"), f"Content-Type: {slack[0]['headers']}")
        ok("Slack and Discord are told the same in the original's form and colours")

        tries = peers.messages("hangs", accepted=False)
        checks = [each["at"] for each in peers.events("well", "request", since)]
        gaps = [b - a for a, b in zip(checks, checks[1:])]
        expect(tries and max(gaps) < 1.5, f"{len(tries)} messages at the receiver that hangs; the longest gap between checks {max(gaps):.2f} s")
        ok(f"a receiver that hangs delays nothing: {len(checks)} checks of a healthy target, at most {max(gaps):.2f} s apart")
    every_line()


def every_line():
    """NOTIFY_EVERY_LINE=yes: the original's behaviour."""
    peers = Peers()
    slack = peers.listen("slack", "receiver")
    gone = peers.listen("gone", "silent")
    peers.close("gone")
    config = configuration(tcp_monitor("gone", f"127.0.0.1:{gone}"))
    with running(peers, Agent(config, NOTIFY_EVERY_LINE="yes", SLACK_TOKEN=f"http://127.0.0.1:{slack}/", **SLACK)) as (_, agent):
        wait_until(20, lambda: len(peers.messages("slack")) >= 4, lambda: f"a message for each line, only {len(peers.messages('slack'))}")
        texts = [each["json"]["attachments"][0]["text"] for each in peers.messages("slack")]
        expect(sum("Unable to open connection" in text for text in texts) >= 3, f"messages: {texts}")
        expect(agent.monitors()["gone"]["state"] == "down", "it is not down")
        ok("NOTIFY_EVERY_LINE=yes sends each line of the log, as the original does")


def reminders():
    peers = Peers()
    service, hook = peers.listen("service", "web"), peers.listen("receiver", "receiver")
    config = configuration(http_monitor("service", f"http://127.0.0.1:{service}/ok.json", reminder=60), webhook={"url": f"http://127.0.0.1:{hook}/"})
    with running(peers, Agent(config)) as (_, agent):
        agent.wait_states(10, service="up")
        peers.set("service", status=500)
        wait_until(30, peers.messages, "that it is down")
        wait_until(90, lambda: len(peers.messages()) == 2, "a reminder")
        down, reminder = peers.messages()
        apart = reminder["at"] - down["at"]
        expect(55 < apart < 70, f"a reminder after {apart:.0f} s, after 60 was asked for")
        peers.set("service", status=None)
        wait_until(30, lambda: len(peers.messages()) == 3, "that it is back")
        expect([kind for kind, _ in told(settled(peers))] == ["down", "reminder", "recovered"], f"messages: {told(peers.messages())}")
        ok(f"still down: {reminder['json']['text']!r} after {apart:.0f} s; then {peers.messages()[-1]['json']['text']!r}")


def maintenance():
    now = datetime.datetime.now(datetime.timezone.utc)
    stamp = "%Y-%m-%dT%H:%M:%SZ"
    once = {"from": (now - datetime.timedelta(minutes=5)).strftime(stamp), "to": (now + datetime.timedelta(hours=1)).strftime(stamp)}
    peers = Peers()
    quiet, loud = (peers.listen(name, "web") for name in ("quiet", "loud"))
    hook = peers.listen("receiver", "receiver")
    config = configuration(
        http_monitor("quiet", f"http://127.0.0.1:{quiet}/ok.json", gate=True),
        http_monitor("loud", f"http://127.0.0.1:{loud}/ok.json"),
        maintenance=[{**once, "monitors": ["quiet"]}],
        webhook={"url": f"http://127.0.0.1:{hook}/"},
    )
    with running(peers, Agent(config)) as (_, agent):
        agent.wait_states(10, quiet="up", loud="up")
        peers.close("quiet")
        peers.close("loud")
        agent.wait_states(15, quiet="down", loud="down")
        flags = {name: each["maintenance"] for name, each in agent.monitors().items()}
        expect(flags == {"quiet": True, "loud": False}, f"maintenance in /v1/monitors: {flags}")
        wait_until(45, peers.messages, "a message about the one outside of the window")
        expect(told(settled(peers, seconds=8)) == [("down", ["loud"])], f"messages: {told(peers.messages())}")
        ok("in its maintenance window a monitor is down without a message, and marked; the other one is told of")
        # The window is gone: now it counts.
        agent.reload({**config, "maintenance": []})
        wait_until(45, lambda: len(peers.messages()) == 2, "a message about what is still down after the window")
        expect(told(peers.messages())[1] == ("down", ["quiet"]), f"messages: {told(peers.messages())}")
        ok("what is still down when the window has ended is told of then")
