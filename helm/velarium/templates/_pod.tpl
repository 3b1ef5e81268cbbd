{{/*
Pod template of a service. Takes (dict "root" $ "component" NAME "settings" VALUES "arguments" LIST); settings of all
services come from one ConfigMap, extra flags of one service from its values (as JSON: no exponents in large numbers).
*/}}
{{- define "velarium.pod" -}}
{{- $root := .root -}}
metadata:
  labels:
    {{- include "velarium.labels" . | nindent 4 }}
  annotations:
    checksum/config: {{ include (print $root.Template.BasePath "/config.yaml") $root | sha256sum }}
    prometheus.io/scrape: "true"
    prometheus.io/port: "9464"
spec:
  terminationGracePeriodSeconds: 60
  automountServiceAccountToken: false
  # Addresses are given by name; variables of unrelated Services that happen to begin with VELARIUM_ are not wanted.
  enableServiceLinks: false
  securityContext:
    runAsNonRoot: true
    runAsUser: 1000
    runAsGroup: 1000
    fsGroup: 1000
    seccompProfile: { type: RuntimeDefault }
  {{- with $root.Values.image.pullSecrets }}
  imagePullSecrets: {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: {{ .component }}
      image: "{{ $root.Values.image.repository }}:{{ default $root.Chart.AppVersion $root.Values.image.tag }}"
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      args:
        - service
        - {{ .component }}
        {{- range .arguments }}
        - {{ . | quote }}
        {{- end }}
        {{- range $flag, $value := .settings.flags }}
        - {{ printf "--%s=%s" $flag (kindIs "string" $value | ternary $value (toJson $value)) | quote }}
        {{- end }}
      envFrom:
        - configMapRef: { name: {{ include "velarium.name" $root }} }
      {{- if has .component (list "framer" "analyzer" "executor") }}
      env:
        # Only for those that make slot ids.
        - name: VELARIUM_CHAIN_SECRET
          valueFrom:
            secretKeyRef: { name: {{ include "velarium.secretName" $root }}, key: chain-secret }
        {{- if eq .component "executor" }}
        - name: VELARIUM_NAME
          valueFrom:
            fieldRef: { fieldPath: metadata.name }
        {{- end }}
      {{- else if eq .component "state-shard" }}
      env:
        # The label exists from Kubernetes 1.28 on.
        - name: VELARIUM_SHARD
          valueFrom:
            fieldRef: { fieldPath: "metadata.labels['apps.kubernetes.io/pod-index']" }
      {{- end }}
      ports:
        - { name: grpc, containerPort: 7000 }
        - { name: metrics, containerPort: 9464 }
        {{- if eq .component "gateway" }}
        - { name: http, containerPort: 8545 }
        {{- end }}
      # Generous at start: a shard reads its log before it answers.
      startupProbe:
        httpGet: { path: /healthz, port: metrics }
        periodSeconds: 2
        failureThreshold: 150
      livenessProbe:
        httpGet: { path: /healthz, port: metrics }
        periodSeconds: 10
      readinessProbe:
        httpGet: { path: /readyz, port: metrics }
        periodSeconds: 2
      resources: {{- toYaml .settings.resources | nindent 8 }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: { drop: [ALL] }
      volumeMounts:
        - { name: genesis, mountPath: /etc/velarium, readOnly: true }
        - { name: scratch, mountPath: /tmp }
        {{- if eq .component "state-shard" }}
        - { name: data, mountPath: /var/lib/velarium }
        {{- end }}
  volumes:
    - name: genesis
      {{- if $root.Values.genesisVolume }}
      {{- toYaml $root.Values.genesisVolume | nindent 6 }}
      {{- else }}
      configMap: { name: {{ include "velarium.name" $root }}-genesis }
      {{- end }}
    - name: scratch
      emptyDir: {}
  {{- with $root.Values.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $root.Values.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $root.Values.affinity }}
  affinity: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
