{{- define "imalive.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "imalive.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains (include "imalive.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "imalive.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* The chart of the Python service selects by this one label, and a Deployment's selector cannot change: upgrades keep it. */}}
{{- define "imalive.selector" -}}
app: {{ include "imalive.fullname" . | quote }}
{{- end -}}

{{- define "imalive.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/name: {{ include "imalive.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "imalive.selector" . }}
{{- end -}}

{{- define "imalive.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "imalive.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "imalive.image" -}}
{{- $image := .Values.image -}}
{{- if $image.path -}}
{{- $image.path -}}
{{- else -}}
{{- with $image.registry }}{{ trimSuffix "/" . }}/{{ end }}{{ $image.repository -}}
{{- end -}}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $image.tag | default .Chart.AppVersion }}{{ end -}}
{{- end -}}

{{- define "imalive.servicePort" -}}
{{- .Values.service_port | default .Values.service.port -}}
{{- end -}}

{{/* Empty is false. An old name that is there wins: the new one is there always, with its default. */}}
{{- define "imalive.ingress" -}}
{{- $enable := .Values.ingress.enable -}}
{{- if ternary .Values.ingress.enabled $enable (kindIs "invalid" $enable) }}true{{ end -}}
{{- end -}}

{{- define "imalive.hostMetrics" -}}
{{- if eq (toString .Values.hostMetrics) "auto" -}}
{{- if eq .Values.kind "DaemonSet" }}true{{ end -}}
{{- else if .Values.hostMetrics -}}true{{- end -}}
{{- end -}}

{{- define "imalive.tokens" -}}
SLACK_TOKEN SLACK_TOKEN_PUBLIC DISCORD_TOKEN DISCORD_TOKEN_PUBLIC
{{- end -}}

{{/* The secrets of OpenTelemetry. */}}
{{- define "imalive.otlpSecrets" -}}
OTEL_EXPORTER_OTLP_HEADERS OTEL_COLLECTOR_USERNAME OTEL_COLLECTOR_PASSWORD OTEL_COLLECTOR_AUTH_HEADER
{{- end -}}

{{/* The old names of some of them, as the data of a Secret of the chart's own; empty where none is set. */}}
{{- define "imalive.secretData" -}}
{{- range $name := list "username" "password" "auth_header" -}}
{{- with index $.Values (printf "otlp_%s" $name) }}
{{ printf "OTEL_COLLECTOR_%s" (upper $name) }}: {{ b64enc . }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* imalive.yml; empty where nothing is to be in it. */}}
{{- define "imalive.config" -}}
{{- $config := .Values.config -}}
{{- if .Values.monitors }}{{ $config = set (deepCopy $config) "monitors" .Values.monitors }}{{ end -}}
{{- if $config }}{{ toYaml $config }}{{ end -}}
{{- end -}}

{{/* A release that looks alive and does not watch what it was told to is worse than none. */}}
{{- define "imalive.refuse" -}}
{{- if and .Values.monitors .Values.config.monitors -}}
{{- fail "monitors: the same as config.monitors, which is set too" -}}
{{- end -}}
{{- range $name := list "otlp_username" "otlp_password" "otlp_auth_header" -}}
{{- if index $.Values $name -}}
{{- if $.Values.otlp.secret -}}
{{- fail (printf "%s: belongs into the Secret that otlp.secret names" $name) -}}
{{- end -}}
{{- if not $.Values.otlp_endpoint -}}
{{- fail (printf "%s: belongs to otlp_endpoint, which is not set" $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $own := dict "IMALIVE_NODE_NAME" "nodeName" "LISTEN_PORT" "containerPort" "WAIT_TIME" "wait_time" "LOG_LEVEL" "log.level" -}}
{{- $own = merge $own (dict "LOG_FORMAT" "log.format" "WARNING_THRESHOLD" "thresholds.warning" "ERROR_THRESHOLD" "thresholds.error") -}}
{{- $own = merge $own (dict "SLACK_TRIGGER" "chat.slackTrigger" "DISCORD_TRIGGER" "chat.discordTrigger" "SLACK_USERNAME" "chat.username") -}}
{{- $own = merge $own (dict "SLACK_CHANNEL" "chat.channel" "SLACK_EMOJI" "chat.emoji" "NOTIFY_EVERY_LINE" "chat.everyLine") -}}
{{- if .Values.chat.tokensSecret -}}
{{- range $name := include "imalive.tokens" . | splitList " " }}{{ $_ := set $own $name "chat.tokensSecret" }}{{ end -}}
{{- end -}}
{{- $own = merge $own (dict "OTEL_COLLECTOR_ENDPOINT" "otlp_endpoint" "OTEL_COLLECTOR_TLS_CHECK" "otlp_tls_check") -}}
{{- $own = merge $own (dict "OTEL_EXPORTER_OTLP_ENDPOINT" "otlp.endpoint" "OTEL_EXPORTER_OTLP_PROTOCOL" "otlp.protocol") -}}
{{- $own = merge $own (dict "OTEL_METRIC_EXPORT_INTERVAL" "otlp.interval" "OTEL_RESOURCE_ATTRIBUTES" "otlp.resourceAttributes") -}}
{{- $own = merge $own (dict "OTEL_BUFFER_BYTES" "otlp.bufferBytes" "OTEL_SPOOL_DIR" "otlp.spool") -}}
{{- if or .Values.otlp.secret (include "imalive.secretData" .) -}}
{{- range $name := include "imalive.otlpSecrets" . | splitList " " }}{{ $_ := set $own $name "otlp.secret" }}{{ end -}}
{{- end -}}
{{- range .Values.extraEnv -}}
{{- if hasKey $own .name -}}
{{- fail (printf "extraEnv: %s is the value %s" .name (index $own .name)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
