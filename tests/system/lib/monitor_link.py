"""A node between two networks, each behind a link of its own: what it says of others while it is offline itself."""

import subprocess
import time

from monitored import Agent, Peers, configuration, expect, http_monitor, ok, running, tcp_monitor, wait_until

LAN, WAN = ("10.77.0.1", "10.77.0.2"), ("10.88.0.1", "10.88.0.2")  # this node, its peer


def ip(*words, inside=None):
    enter = ["nsenter", "-t", str(inside), "-n"] if inside else []
    subprocess.run([*enter, "ip", *words], check=True)


class Network(Peers):
    """Peers in a network namespace at the other end of a veth pair."""

    def __init__(self, name, here, there):
        super().__init__(["unshare", "--net"])
        self.name = name
        # unshare has called the kernel once the peers answer.
        self.events()
        self.inside = self.process.pid
        ip("link", "add", name, "type", "veth", "peer", "name", "uplink", "netns", str(self.inside))
        ip("addr", "add", f"{here}/24", "dev", name)
        ip("addr", "add", f"{there}/24", "dev", "uplink", inside=self.inside)
        ip("link", "set", "lo", "up", inside=self.inside)
        ip("link", "set", "uplink", "up", inside=self.inside)
        ip("link", "set", name, "up")

    def pull(self):
        """The cable is out: the other end is gone, addresses and routes here stay."""
        ip("link", "set", "uplink", "down", inside=self.inside)

    def plug(self):
        ip("link", "set", "uplink", "up", inside=self.inside)


def quiet(receiver, since):
    messages = receiver.messages(since=since)
    expect(not messages, f"{len(messages)} messages: {[each['body'] for each in messages]}")


def link():
    receiver, lan, wan = Peers(), Network("lan", *LAN), Network("wan", *WAN)
    told = receiver.listen("receiver", "receiver")
    for number, (network, (_, there)) in enumerate(((lan, LAN), (wan, WAN))):
        for name in ("target", "one", "two", "three"):
            network.listen(name, "web", host=there, port=8000 + ("target", "one", "two", "three").index(name))

    def scoped(network, there):
        return [
            http_monitor(f"{network}-one", f"http://{there}:8001/ok.json", scope=network),
            http_monitor(f"{network}-two", f"http://{there}:8002/ok.json", scope=network),
            tcp_monitor(f"{network}-three", f"{there}:8003", scope=network),
        ]

    config = configuration(
        *scoped("lan", LAN[1]),
        *scoped("wan", WAN[1]),
        http_monitor("here", f"http://127.0.0.1:{receiver.listen('here', 'web')}/ok.json", scope="none"),
        defaults={"timeout": 2},
        connectivity={"lan": [f"{LAN[1]}:8000"], "wan": [f"{WAN[1]}:8000"]},
        webhook={"url": f"http://127.0.0.1:{told}/hook"},
    )
    of = {network: [f"{network}_{number}" for number in ("one", "two", "three")] for network in ("lan", "wan")}
    everything = {name: "up" for name in (*of["lan"], *of["wan"])}
    with running(receiver, lan, wan, Agent(config)) as (_, _, _, agent):
        agent.wait_states(10, **everything)
        since = time.monotonic()

        wan.pull()
        agent.wait_states(15, **everything | {name: "unknown" for name in of["wan"]})
        time.sleep(4)  # the time in which three rounds of checks fail
        states = agent.states()
        expect(all(states[name.replace("_", "-")] == "unknown" for name in of["wan"]), f"offline, and it says {states}")
        expect(all(states[name.replace("_", "-")] == "up" for name in of["lan"]), f"the LAN is well, and it says {states}")
        quiet(receiver, since)
        ok("without the WAN's link its monitors are unknown, the LAN's are up, nobody is alarmed")

        lan.close("one")
        agent.wait_states(10, lan_one="down")
        wait_until(10, lambda: receiver.messages(since=since), "a message about the LAN's dead service")
        time.sleep(1)
        alarms = receiver.messages(since=since)
        expect(len(alarms) == 1 and "lan-one" in alarms[0]["body"] and "wan" not in alarms[0]["body"], f"messages: {[each['body'] for each in alarms]}")
        ok("a service of the LAN that dies meanwhile is told of, once")
        lan.listen("one", "web", host=LAN[1], port=8001)
        agent.wait_states(10, lan_one="up")
        wait_until(5, lambda: len(receiver.messages(since=since)) == 2, "its recovery")

        since = time.monotonic()
        wan.plug()
        agent.wait_states(15, **everything)
        wait_until(10, lambda: receiver.messages(since=since), "a notice that it is back")
        time.sleep(3)
        notices = receiver.messages(since=since)
        expect(len(notices) == 1 and notices[0]["json"]["kind"] == "back_online", f"messages: {[each['body'] for each in notices]}")
        ok("once it is back all are up, with exactly one notice")

        since = time.monotonic()
        lan.pull()
        ip("link", "set", "wan", "down")  # this node's own card: no route, so each check fails at once
        agent.wait_states(15, **{name: "unknown" for name in everything})
        time.sleep(4)
        quiet(receiver, since)
        status, body = agent.ask("/v1/health")
        expect(status == 200, f"offline, /v1/health says {status}: {body}")
        lan.plug()
        ip("link", "set", "wan", "up")
        agent.wait_states(15, **everything)
        time.sleep(8)
        notices = receiver.messages(since=since)
        # A link that goes down again soon is not told of anew, so none is fine as well.
        expect(all(each["json"]["kind"] == "back_online" for each in notices) and len(notices) <= 2, f"messages: {[each['body'] for each in notices]}")
        ok(f"both links down and up again: all unknown, then up; no alarm, {len(notices)} notices that it is back")
