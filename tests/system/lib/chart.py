"""What tests/system/helm looks at: chart.py CHART RECORDED.PROM IMALIVE SCRATCH."""

import os
import re
import subprocess
import sys

import helm_python as helm
import kubernetes_validate
import yaml

chart_path, recorded, imalive, scratch = sys.argv[1:]
VERSIONS = ["1.25", "1.30", kubernetes_validate.latest_version()]
TOKENS = ["SLACK_TOKEN", "SLACK_TOKEN_PUBLIC", "DISCORD_TOKEN", "DISCORD_TOKEN_PUBLIC"]
OF_COLLECTOR = ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_COLLECTOR_USERNAME", "OTEL_COLLECTOR_PASSWORD", "OTEL_COLLECTOR_AUTH_HEADER"]
PROMETHEUS_OPERATOR = "monitoring.coreos.com/v1"  # custom resources: Kubernetes itself has no schema of them


def die(text):
    sys.exit(f"helm: {text}")


def must(true, otherwise):
    if not true:
        die(otherwise)


def ok(text):
    print(f"ok  {text}")


def render(values, chart=None, name="t"):
    """The manifests by kind, and the notes."""
    texts = (chart or helm.Chart.load(chart_path)).render(values, name=name, namespace="somewhere")
    notes = next(text for path, text in texts.items() if path.endswith("NOTES.txt"))
    found = {}
    for path, text in texts.items():
        if not path.endswith("NOTES.txt"):
            for manifest in filter(None, yaml.safe_load_all(text)):
                if manifest["kind"] in found:
                    die(f"two manifests of kind {manifest['kind']}")
                found[manifest["kind"]] = manifest
    return found, notes


def workload(found):
    return found.get("Deployment") or found["DaemonSet"]


def container(found):
    return workload(found)["spec"]["template"]["spec"]["containers"][0]


def variables(found):
    return {entry["name"]: entry.get("value") for entry in container(found)["env"]}


def config(found):
    """The text of imalive.yml."""
    return found.get("ConfigMap", {"data": {}})["data"].get("imalive.yml")


def selects(selector, labels):
    return bool(selector) and selector.items() <= labels.items()


def belong_together(case, found):
    """What one manifest says of another is so."""
    pod = workload(found)["spec"]["template"]
    labels = pod["metadata"]["labels"]
    ports = [port["name"] for port in container(found)["ports"]]
    mounts = {mount["name"] for mount in container(found).get("volumeMounts", [])}
    volumes = {volume["name"] for volume in pod["spec"].get("volumes", [])}
    problems = []
    if variables(found)["LISTEN_PORT"] != str(container(found)["ports"][0]["containerPort"]):
        problems.append("the agent listens on another port than the container's")
    if not selects(workload(found)["spec"]["selector"]["matchLabels"], labels):
        problems.append("the workload does not select its own pods")
    if mounts != volumes:
        problems.append(f"mounts {mounts}, volumes {volumes}")
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        if probe in container(found) and container(found)[probe]["httpGet"]["port"] not in ports:
            problems.append(f"{probe} asks a port that is not there")
    for kind, field in (("NetworkPolicy", "podSelector"), ("PodDisruptionBudget", "selector")):
        if kind in found and not selects(found[kind]["spec"][field]["matchLabels"], labels):
            problems.append(f"{kind} selects other pods")
    service = found.get("Service")
    if service:
        if not selects(service["spec"]["selector"], labels):
            problems.append("the service selects other pods")
        if service["spec"]["ports"][0]["targetPort"] not in ports:
            problems.append("the service leads to a port that is not there")
    if "Ingress" in found:
        for rule in found["Ingress"]["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                backend = path["backend"]["service"]
                if (backend["name"], backend["port"]["name"]) != (service["metadata"]["name"], service["spec"]["ports"][0]["name"]):
                    problems.append("the ingress leads elsewhere")
    if "ServiceMonitor" in found:
        spec = found["ServiceMonitor"]["spec"]
        if not selects(spec["selector"]["matchLabels"], service["metadata"]["labels"]):
            problems.append("the ServiceMonitor selects another service")
        if spec["endpoints"][0]["port"] != service["spec"]["ports"][0]["name"]:
            problems.append("the ServiceMonitor asks a port that is not there")
    if problems:
        die(f"{case}: {'; '.join(problems)}")


def agent_accepts(case, found):
    """`imalive check` with the variables and the file of the pod: knows each and takes its value."""
    # Of a Secret's keys those that are there: user and password come before a whole field, which would be warned of.
    absent = ["WEBHOOK_KEY", "OTEL_COLLECTOR_AUTH_HEADER"]
    secret = {"OTEL_EXPORTER_OTLP_HEADERS": "x-scope=a-node"}
    environment = {name: value or secret.get(name, "a-node") for name, value in variables(found).items() if name not in absent}
    command = [imalive, "check"]
    if config(found):
        path = os.path.join(scratch, "imalive.yml")
        with open(path, "w") as file:
            file.write(config(found))
        command.append(path)
    checked = subprocess.run(command, env=environment | {"WEBHOOK_KEY": "x"}, capture_output=True, text=True)
    if checked.returncode or checked.stderr:
        die(f"{case}: the agent says {checked.stderr.strip() or checked.returncode}")
    effective = dict(line.split("=", 1) for line in checked.stdout.splitlines() if re.match("[A-Z_]+=", line))
    for name, value in environment.items():
        if name in TOKENS + OF_COLLECTOR:
            value = "***"
        if effective.get(name, "").lower() != value.lower():
            die(f"{case}: {name} is {effective.get(name)}, not {value}")


linted = helm.lint(chart_path, strict=True, kube_version="1.30.0")
if linted["errors"] or any(message["severity"] >= 2 for message in linted["messages"]):
    die(f"lint: {linted}")
ok("lint, strict")

ORIGINAL = {  # values.yaml of the Python service's chart 1.0.0, whole
    "replicas": 1, "service_port": 8089, "restartPolicy": "Always", "wait_time": 10,
    "image": {"path": "example/imalive-api", "tag": "latest"},
    "log": {"level": "INFO", "format": "json"},
    "ingress": {"enable": True, "ssl_redirect": "false"},
    "monitors": [],
}
MONITORS = [{"type": "tcp", "name": "database", "url": "db.example:5432"},
            {"type": "http", "name": "shop", "url": "https://shop.example/health", "expected_http_code": "20*", "depends_on": ["database"]}]
EVERYTHING = {
    "image": {"registry": "registry.example:5000", "repository": "team/imalive", "digest": "sha256:" + "a" * 64},
    "imagePullSecrets": [{"name": "pull"}], "fullnameOverride": "alive", "wait_time": 300,
    "log": {"level": "warning", "format": "text"}, "thresholds": {"warning": 0, "error": 95}, "nodeName": "küche 1",
    "manifest": {"app": "kiosk", "build": 7}, "hostMetrics": True,
    "extraEnv": [{"name": "MAX_CONNECTIONS", "value": "16"},
                 {"name": "WEBHOOK_KEY", "valueFrom": {"secretKeyRef": {"name": "hook", "key": "key"}}}],
    "config": {"monitors": MONITORS, "defaults": {"timeout": 5}, "connectivity": {"wan": ["192.0.2.53:53"]},
               "maintenance": [{"weekly": "sunday", "at": "02:00", "duration": "2h"}],
               "webhook": {"url": "https://hook.example/${WEBHOOK_KEY}"}},
    "chat": {"slackTrigger": True, "discordTrigger": True, "username": "imalive", "channel": "#ops", "emoji": ":strawberry:",
             "everyLine": True, "tokensSecret": "chat-tokens"},
    "otlp": {"endpoint": "https://collector.example:4317", "protocol": "grpc", "interval": 30, "bufferBytes": 1048576, "spool": True,
             "resourceAttributes": {"deployment.environment.name": "küche, 1", "team": "a=b+c%"}},
    "podAnnotations": {"a": "b"}, "podLabels": {"team": "x"}, "priorityClassName": "system-node-critical",
    "nodeSelector": {"kubernetes.io/os": "linux"}, "tolerations": [{"operator": "Exists"}],
    "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
        {"matchExpressions": [{"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64", "arm64", "arm"]}]}]}}},
    "serviceAccount": {"annotations": {"a": "b"}},
    "service": {"type": "NodePort", "nodePort": 30089, "annotations": {"a": "b"}},
    "ingress": {"enabled": True, "className": "nginx", "annotations": {"a": "b"},
                "hosts": [{"host": "alive.example", "paths": [{"path": "/", "pathType": "Prefix"}]}],
                "tls": [{"secretName": "alive-tls", "hosts": ["alive.example"]}]},
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
    "networkPolicy": {"enabled": True, "from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]},
    "podDisruptionBudget": {"enabled": True, "maxUnavailable": "50%"},
}
CASES = {
    "defaults": {},
    "the original's values": ORIGINAL,
    "everything": {**EVERYTHING, "replicas": 3, "updateStrategy": {"type": "Recreate"},
                   "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway",
                                                  "labelSelector": {"matchLabels": {"app": "alive"}}}]},
    "daemonset": {"kind": "DaemonSet"},
    "daemonset, everything": {**EVERYTHING, "kind": "DaemonSet", "hostNetwork": True, "containerPort": 9100, "service": {"clusterIP": "None"},
                              "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "100%"}}},
    "daemonset without host figures": {"kind": "DaemonSet", "hostMetrics": False},
    "monitors by the original's name": {"monitors": MONITORS},
    "a collector by the original's names": {"otlp_endpoint": "collector:4317", "otlp_tls_check": True, "otlp_username": "alice",
                                            "otlp_password": "hush"},
    "a collector and a Secret": {"otlp_endpoint": "https://collector:4317", "otlp": {"secret": "collector"}},
    "part of another chart": {"global": {"x": 1}, "enabled": True},
    "bare": {"service": {"enabled": False}, "serviceAccount": {"create": False}, "startupProbe": {}, "resources": {}},
}
kinds = set()
validated = 0
for case, values in CASES.items():
    found, _ = render(values)
    belong_together(case, found)
    agent_accepts(case, found)
    kinds |= found.keys()
    for kind, manifest in found.items():
        if manifest["apiVersion"] == PROMETHEUS_OPERATOR:
            continue
        for version in VERSIONS:
            try:
                kubernetes_validate.validate(manifest, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                die(f"{case}: {kind} for Kubernetes {version}: {error.message} at {list(error.path)}")
            validated += 1
ok(f"{len(CASES)} sets of values, {len(kinds)} kinds: valid for Kubernetes {', '.join(VERSIONS)} ({validated} validations)")
ok(f"`imalive check` takes the variables of all {len(CASES)}")

broken, _ = render({})
broken["Deployment"]["spec"]["template"]["spec"]["containers"][0]["readinessprobe"] = {}
try:
    kubernetes_validate.validate(broken["Deployment"], VERSIONS[-1], strict=True)
    die("the validator accepts a field that is not there")
except kubernetes_validate.ValidationError:
    pass

# What a case is about, beyond being valid.
found, notes = render(ORIGINAL)
must(found["Service"]["spec"]["ports"][0]["port"] == 8089, "service_port is not taken")
must(container(found)["image"] == "example/imalive-api:latest", "image.path is not taken")
must(found["Ingress"]["metadata"]["annotations"] == {"ingress.kubernetes.io/ssl-redirect": "false"}, "ingress.ssl_redirect is not taken")
must("host" not in found["Ingress"]["spec"]["rules"][0], "the ingress is for one host only")
must(workload(found)["metadata"]["name"] == variables(found)["IMALIVE_NODE_NAME"] == "t-imalive", "another name than the original's")
# Else the API server refuses `helm upgrade` from 1.0.0.
must(workload(found)["spec"]["selector"] == {"matchLabels": {"app": "t-imalive"}}, "another selector than the original's")
for old in ("image.path", "service_port", "ingress.enable", "ingress.ssl_redirect", "restartPolicy"):
    must(f"{old} " in notes, f"the notes do not name {old}")
found, _ = render({"service_port": 9000, "ingress": {"enabled": True, "enable": False}})
must(found["Service"]["spec"]["ports"][0]["port"] == 9000 and "Ingress" not in found, "an old name does not win over the default of the new")
must("Old names" not in render({})[1], "the notes tell of old names where there are none")
ok("the values of the original's chart: same service, ingress, image, name and selector; the notes tell the new names")

for image, expected in [
    ({}, "localhost/imalive:0.1.0"),  # the name in docker/build's archive
    ({"registry": "registry.example:5000"}, "registry.example:5000/imalive:0.1.0"),
    ({"registry": "", "repository": "team/imalive", "tag": "1"}, "team/imalive:1"),
    (EVERYTHING["image"], "registry.example:5000/team/imalive@sha256:" + "a" * 64),
]:
    rendered = container(render({"image": image})[0])["image"]
    must(rendered == expected, f"image {image} is {rendered}, not {expected}")

found, _ = render({"kind": "DaemonSet"})
sources = {entry["name"]: entry.get("valueFrom") for entry in container(found)["env"]}
must(sources["IMALIVE_NODE_NAME"] == {"fieldRef": {"fieldPath": "spec.nodeName"}}, "not the name of the Kubernetes node")
mounts = {mount["mountPath"]: mount for mount in container(found)["volumeMounts"]}
must({variables(found)["IMALIVE_PROC_PATH"], variables(found)["IMALIVE_DISK_PATH"]} == mounts.keys(), "reads elsewhere than is mounted")
must(all(mount["readOnly"] for mount in mounts.values()), "a mount is writable")
must(workload(found)["spec"]["template"]["spec"]["automountServiceAccountToken"] is False, "gets a token")
context = container(found)["securityContext"]
must(context == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}, f"runs with {context}")
ok("daemonset: the Kubernetes node's name, /proc and / read-only; no token, no capability, read-only root")

found, _ = render({"config": {"monitors": MONITORS, "defaults": {"timeout": 5}}})
must(yaml.safe_load(config(found)) == {"monitors": MONITORS, "defaults": {"timeout": 5}}, f"imalive.yml is {config(found)}")
must(config(render({"monitors": MONITORS})[0]) == config(render({"config": {"monitors": MONITORS}})[0]), "monitors are not config.monitors")
mounted = {mount["mountPath"]: mount["name"] for mount in container(found)["volumeMounts"]}
must(mounted == {"/etc/imalive": "files"}, f"imalive.yml is not mounted where the agent looks for it: {mounted}")
must("LISTEN_PORT" in variables(found) and "IMALIVE_CONFIG" not in variables(found), "the agent is told to look elsewhere")


def annotations(values):
    return workload(render(values)[0])["spec"]["template"]["metadata"].get("annotations", {})


first, second = ({"config": {"monitors": MONITORS, "defaults": {"timeout": timeout}}} for timeout in (5, 6))
must(annotations(first) != annotations(second), "another imalive.yml makes no other pods")
must(annotations(first) == annotations({**first, "manifest": {"a": 1}}), "another manifest makes other pods")
must(annotations({}) == {}, "an annotation without a file")
must("egress" not in render({"networkPolicy": {"enabled": True}})[0]["NetworkPolicy"]["spec"], "an agent without monitors may ask others")
for values in (first, {"chat": {"discordTrigger": True}}):
    spec = render({**values, "networkPolicy": {"enabled": True}})[0]["NetworkPolicy"]["spec"]
    must(spec["egress"] == [{}], "the network policy keeps the agent from what it is to ask")
rule = [{"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}]}]
must(render({**first, "networkPolicy": {"enabled": True, "egress": rule}})[0]["NetworkPolicy"]["spec"]["egress"] == rule, "another egress")
sources = {entry["name"]: entry.get("valueFrom") for entry in container(render(CASES["everything"])[0])["env"]}
for token in TOKENS:
    must(sources[token] == {"secretKeyRef": {"name": "chat-tokens", "key": token, "optional": True}}, f"{token} is not the Secret's")
must(not any("TOKEN" in name or "TRIGGER" in name for name in variables(render({})[0])), "chats are told without being asked for")
ok("monitors: imalive.yml in a ConfigMap where the agent looks, other pods for another file; tokens from a Secret; egress as needed")

found, _ = render(CASES["everything"])
must(variables(found)["OTEL_METRIC_EXPORT_INTERVAL"] == "30000", "the interval is not milliseconds")
attributes = variables(found)["OTEL_RESOURCE_ATTRIBUTES"]
must(attributes == "deployment.environment.name=k%C3%BCche%2C%201,team=a%3Db%2Bc%25", f"the attributes are {attributes}")
spool = {mount["name"]: mount for mount in container(found)["volumeMounts"]}["spool"]
must(variables(found)["OTEL_SPOOL_DIR"].startswith(spool["mountPath"] + "/") and "readOnly" not in spool, "the spool cannot be written")
for case, secret in (("a collector by the original's names", "t-imalive"), ("a collector and a Secret", "collector")):
    found, _ = render(CASES[case])
    sources = {entry["name"]: entry.get("valueFrom") for entry in container(found)["env"]}
    for name in OF_COLLECTOR:
        must(sources[name] == {"secretKeyRef": {"name": secret, "key": name, "optional": True}}, f"{case}: {name} is not the Secret's")
    must("hush" not in yaml.safe_dump(workload(found)), f"{case}: the password is in the pod")
    made = found.get("Secret", {}).get("data", {})
    must(made == ({"OTEL_COLLECTOR_USERNAME": "YWxpY2U=", "OTEL_COLLECTOR_PASSWORD": "aHVzaA=="} if secret == "t-imalive" else {}), f"{case}: {made}")
    spec = render({**CASES[case], "networkPolicy": {"enabled": True}})[0]["NetworkPolicy"]["spec"]
    must(spec["egress"] == [{}], "the network policy keeps the agent from the collector")
must(annotations(CASES["a collector by the original's names"]) != annotations({**CASES["a collector by the original's names"], "otlp_password": "other"}),
     "another password makes no other pods")
must(not any(name.startswith("OTEL_") for name in variables(render({})[0])), "something is sent without being asked for")
ok("OpenTelemetry: values as variables, secrets from a Secret of one's own or of the chart, a volume for the spool, egress")

REFUSED = [
    ({"replica": 2}, "'replica' not allowed"),
    ({"log": {"levle": "INFO"}}, "'levle' not allowed"),
    ({"kind": "StatefulSet"}, "must be one of 'Deployment', 'DaemonSet'"),
    ({"wait_time": 0}, "/wait_time"),
    ({"log": {"level": "LOUD"}}, "/log/level"),
    ({"service": {"port": 70000}}, "/service/port"),
    ({"image": {"digest": "latest"}}, "/image/digest"),
    ({"thresholds": {"warning": 101}}, "/thresholds/warning"),
    ({"restartPolicy": "Never"}, "/restartPolicy"),
    ({"monitors": MONITORS, "config": {"monitors": MONITORS}}, "monitors: the same as config.monitors, which is set too"),
    ({"config": {"monitor": MONITORS}}, "'monitor' not allowed"),
    ({"chat": {"slackTriger": True}}, "'slackTriger' not allowed"),
    ({"chat": {"slackTrigger": "yes"}}, "/chat/slackTrigger"),
    ({"otlp_username": "x"}, "otlp_username: belongs to otlp_endpoint"),
    ({"otlp_endpoint": "c:1", "otlp_password": "x", "otlp": {"secret": "s"}}, "otlp_password: belongs into the Secret"),
    ({"otlp": {"protocol": "http/json"}}, "/otlp/protocol"),
    ({"otlp": {"bufferBytes": 1000}}, "/otlp/bufferBytes"),
    ({"otlp": {"endpiont": "x"}}, "'endpiont' not allowed"),
    ({"extraEnv": [{"name": "SLACK_TRIGGER", "value": "yes"}]}, "extraEnv: SLACK_TRIGGER is the value chat.slackTrigger"),
    ({"extraEnv": [{"name": "SLACK_TOKEN", "value": "x"}], "chat": {"tokensSecret": "s"}}, "extraEnv: SLACK_TOKEN is the value chat.tokensSecret"),
    ({"extraEnv": [{"name": "OTEL_COLLECTOR_ENDPOINT", "value": "x"}]}, "extraEnv: OTEL_COLLECTOR_ENDPOINT is the value otlp_endpoint"),
    ({"extraEnv": [{"name": "OTEL_EXPORTER_OTLP_HEADERS", "value": "x"}], "otlp": {"secret": "s"}}, "extraEnv: OTEL_EXPORTER_OTLP_HEADERS is the value otlp.secret"),
    ({"extraEnv": [{"name": "MAX_CONNECTIONS", "value": 16}]}, "/extraEnv/0/value"),
    ({"extraEnv": [{"name": "MAX_CONNECTIONS", "vlaue": "16"}]}, "'vlaue' not allowed"),
    ({"extraEnv": [{"name": "LISTEN_PORT", "value": "9000"}]}, "extraEnv: LISTEN_PORT is the value containerPort"),
    ({"podLabels": {"app": "x"}}, "invalid propertyName 'app'"),
    ({"ingress": {"enabled": True}, "service": {"enabled": False}}, "service.enabled must be true"),
]
for values, expected in REFUSED:
    try:
        render(values)
    except helm.HelmError as error:
        if expected not in str(error):
            die(f"{values} is refused, but not with {expected!r}: {error}")
    else:
        die(f"{values} is accepted")
ok(f"{len(REFUSED)} bad sets of values refused, each with the name of what is wrong")

rule = render(CASES["everything"])[0]["PrometheusRule"]
rules = os.path.join(scratch, "rules.yaml")
with open(rules, "w") as file:
    yaml.safe_dump(rule["spec"], file)
checked = subprocess.run(["promtool", "check", "rules", rules], capture_output=True, text=True)
if checked.returncode:
    die(f"promtool: {checked.stdout}{checked.stderr}")
known = set(re.findall(r"^# TYPE (\S+)", open(recorded).read(), re.M))
used = {name for alert in rule["spec"]["groups"][0]["rules"] for name in re.findall(r"\b(imalive_\w+)", alert["expr"])}
if not used or not used <= known:
    die(f"alerts use metrics that the agent does not have: {used - known}")
ok(f"promtool: {len(rule['spec']['groups'][0]['rules'])} alerts, on {len(used)} metrics that the agent has")

found, _ = render({"fullnameOverride": "123", "nameOverride": "12"}, name="1")
for kind, manifest in found.items():
    labels = manifest["metadata"]["labels"]
    must(manifest["metadata"]["name"] == "123" and all(isinstance(value, str) for value in labels.values()), f"{kind}: digits are a number")
must(variables(found)["IMALIVE_NODE_NAME"] == "123" and workload(found)["spec"]["selector"]["matchLabels"] == {"app": "123"}, "digits are a number")
ok("names of digits stay names")

package = helm.package(chart_path, destination=scratch)
if render(CASES["everything"], helm.Chart.load(package)) != render(CASES["everything"]):
    die("the package renders otherwise than the folder")
ok(f"package: {os.path.basename(package)}, {os.path.getsize(package)} bytes, renders the same")
