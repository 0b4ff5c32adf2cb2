{{- define "imalive.pod" -}}
metadata:
  labels:
    {{- include "imalive.labels" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- $config := include "imalive.config" . }}
  {{- $secrets := include "imalive.secretData" . }}
  {{- if or $config $secrets .Values.podAnnotations }}
  annotations:
    {{- if $secrets }}
    checksum/secret: {{ sha256sum $secrets }}
    {{- end }}
    {{- if $config }}
    # The agent reads imalive.yml at its start and at SIGHUP: other pods for another file.
    checksum/config: {{ sha256sum $config }}
    {{- end }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
spec:
  serviceAccountName: {{ include "imalive.serviceAccountName" . | quote }}
  automountServiceAccountToken: false
  # Else each service of the namespace becomes variables here.
  enableServiceLinks: false
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if .Values.hostNetwork }}
  hostNetwork: true
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  restartPolicy: {{ .Values.restartPolicy | default "Always" }}
  {{- with .Values.podSecurityContext }}
  securityContext:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: imalive
      image: {{ include "imalive.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      ports:
        - name: http
          containerPort: {{ .Values.containerPort }}
          protocol: TCP
      env:
        - name: IMALIVE_NODE_NAME
          {{- if .Values.nodeName }}
          value: {{ .Values.nodeName | quote }}
          {{- else if eq .Values.kind "DaemonSet" }}
          valueFrom:
            fieldRef:
              fieldPath: spec.nodeName
          {{- else }}
          value: {{ include "imalive.fullname" . | quote }}
          {{- end }}
        - name: LISTEN_PORT
          value: {{ .Values.containerPort | quote }}
        - name: WAIT_TIME
          value: {{ .Values.wait_time | quote }}
        - name: LOG_LEVEL
          value: {{ .Values.log.level | quote }}
        - name: LOG_FORMAT
          value: {{ .Values.log.format | quote }}
        {{- if not (kindIs "invalid" .Values.thresholds.warning) }}
        - name: WARNING_THRESHOLD
          value: {{ .Values.thresholds.warning | quote }}
        {{- end }}
        {{- if not (kindIs "invalid" .Values.thresholds.error) }}
        - name: ERROR_THRESHOLD
          value: {{ .Values.thresholds.error | quote }}
        {{- end }}
        {{- if .Values.manifest }}
        - name: MANIFEST_FILE_PATH
          value: /etc/imalive/manifest.json
        {{- end }}
        {{- if include "imalive.hostMetrics" . }}
        - name: IMALIVE_PROC_PATH
          value: /host/proc
        - name: IMALIVE_DISK_PATH
          value: /host/root
        {{- end }}
        {{- $chat := .Values.chat }}
        {{- if $chat.slackTrigger }}
        - name: SLACK_TRIGGER
          value: "yes"
        {{- end }}
        {{- if $chat.discordTrigger }}
        - name: DISCORD_TRIGGER
          value: "yes"
        {{- end }}
        {{- with $chat.username }}
        - name: SLACK_USERNAME
          value: {{ . | quote }}
        {{- end }}
        {{- with $chat.channel }}
        - name: SLACK_CHANNEL
          value: {{ . | quote }}
        {{- end }}
        {{- with $chat.emoji }}
        - name: SLACK_EMOJI
          value: {{ . | quote }}
        {{- end }}
        {{- if $chat.everyLine }}
        - name: NOTIFY_EVERY_LINE
          value: "yes"
        {{- end }}
        {{- if $chat.tokensSecret }}
        {{- range $name := include "imalive.tokens" . | splitList " " }}
        - name: {{ $name }}
          valueFrom:
            secretKeyRef:
              name: {{ $chat.tokensSecret | quote }}
              key: {{ $name }}
              optional: true
        {{- end }}
        {{- end }}
        {{- $otlp := .Values.otlp }}
        {{- with $otlp.endpoint }}
        - name: OTEL_EXPORTER_OTLP_ENDPOINT
          value: {{ . | quote }}
        {{- end }}
        {{- with $otlp.protocol }}
        - name: OTEL_EXPORTER_OTLP_PROTOCOL
          value: {{ . | quote }}
        {{- end }}
        {{- with $otlp.interval }}
        - name: OTEL_METRIC_EXPORT_INTERVAL
          value: {{ mul 1000 . | quote }}
        {{- end }}
        {{- /* Percent-encoded: a comma would end a value. urlquery makes a plus of a space, which stays a plus. */}}
        {{- with $otlp.resourceAttributes }}
        - name: OTEL_RESOURCE_ATTRIBUTES
          {{- $pairs := list }}
          {{- range $key, $value := . }}
          {{- $pairs = append $pairs (printf "%s=%s" $key (urlquery $value | replace "+" "%20")) }}
          {{- end }}
          value: {{ join "," $pairs | quote }}
        {{- end }}
        {{- with $otlp.bufferBytes }}
        - name: OTEL_BUFFER_BYTES
          value: {{ . | int64 | quote }}
        {{- end }}
        {{- if $otlp.spool }}
        - name: OTEL_SPOOL_DIR
          value: /var/lib/imalive/otlp
        {{- end }}
        {{- with .Values.otlp_endpoint }}
        - name: OTEL_COLLECTOR_ENDPOINT
          value: {{ . | quote }}
        {{- end }}
        {{- with .Values.otlp_tls_check }}
        - name: OTEL_COLLECTOR_TLS_CHECK
          value: {{ . | quote }}
        {{- end }}
        {{- $secret := $otlp.secret | default (ternary (include "imalive.fullname" .) "" (not (empty $secrets))) }}
        {{- if $secret }}
        {{- range $name := include "imalive.otlpSecrets" . | splitList " " }}
        - name: {{ $name }}
          valueFrom:
            secretKeyRef:
              name: {{ $secret | quote }}
              key: {{ $name }}
              optional: true
        {{- end }}
        {{- end }}
        {{- with .Values.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with .Values.extraEnvFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- range $probe := list "startupProbe" "livenessProbe" "readinessProbe" }}
      {{- with index $.Values $probe }}
      {{ $probe }}:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- end }}
      {{- with .Values.securityContext }}
      securityContext:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- if or .Values.manifest $config $otlp.spool (include "imalive.hostMetrics" .) }}
      volumeMounts:
        {{- if $otlp.spool }}
        - name: spool
          mountPath: /var/lib/imalive
        {{- end }}
        {{- if or .Values.manifest $config }}
        # Not a subPath: the agent reads the manifest for each request, and a change of the ConfigMap must reach it.
        - name: files
          mountPath: /etc/imalive
          readOnly: true
        {{- end }}
        {{- if include "imalive.hostMetrics" . }}
        - name: proc
          mountPath: /host/proc
          readOnly: true
        - name: root
          mountPath: /host/root
          mountPropagation: HostToContainer
          readOnly: true
        {{- end }}
      {{- end }}
  {{- if or .Values.manifest $config .Values.otlp.spool (include "imalive.hostMetrics" .) }}
  volumes:
    {{- if .Values.otlp.spool }}
    - name: spool
      emptyDir:
        sizeLimit: 20Mi
    {{- end }}
    {{- if or .Values.manifest $config }}
    - name: files
      configMap:
        name: {{ include "imalive.fullname" . | quote }}
    {{- end }}
    {{- if include "imalive.hostMetrics" . }}
    - name: proc
      hostPath:
        path: /proc
        type: Directory
    - name: root
      hostPath:
        path: /
        type: Directory
    {{- end }}
  {{- end }}
  {{- range $key := list "nodeSelector" "tolerations" "affinity" "topologySpreadConstraints" }}
  {{- with index $.Values $key }}
  {{ $key }}:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
{{- end -}}
