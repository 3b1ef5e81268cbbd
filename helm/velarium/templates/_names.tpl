{{/* Short enough that names of pods stay below 63 characters. */}}
{{- define "velarium.name" -}}
{{- if contains "velarium" .Release.Name }}{{ .Release.Name | trunc 34 | trimSuffix "-" }}{{ else }}{{ printf "%s-velarium" .Release.Name | trunc 34 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "velarium.selector" -}}
app.kubernetes.io/name: velarium
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "velarium.labels" -}}
{{ include "velarium.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "velarium.secretName" -}}
{{- default (printf "%s-chain" (include "velarium.name" .)) .Values.chainSecret.existingSecret }}
{{- end }}

{{/* Addresses of the shards, stable over restarts. */}}
{{- define "velarium.shards" -}}
{{- $name := printf "%s-state-shard" (include "velarium.name" .) -}}
{{- $list := list -}}
{{- range $i := until (int .Values.stateShard.replicas) }}{{ $list = append $list (printf "%s-%d.%s:7000" $name $i $name) }}{{ end -}}
{{- join "," $list }}
{{- end }}
