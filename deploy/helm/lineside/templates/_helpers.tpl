{{- define "lineside.name" -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "lineside.selector" -}}
app.kubernetes.io/name: lineside
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: gateway
{{- end -}}

{{- define "lineside.labels" -}}
{{ include "lineside.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "lineside.image" -}}
{{ printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end -}}

{{- define "lineside.enginesUrl" -}}
{{- if .Values.engines.url -}}
{{ .Values.engines.url }}
{{- else if .Values.engines.rayService.enabled -}}
http://{{ include "lineside.name" . }}-engines-serve-svc:8000
{{- end -}}
{{- end -}}

{{- define "lineside.check" -}}
{{- if not .Values.existingSecret }}
{{- fail "existingSecret: name a Secret with API_KEYS and RECORDS_URL" }}
{{- end }}
{{- if not (or .Values.engines.url .Values.engines.rayService.enabled .Values.engines.embedded .Values.settings.DEFAULT_STT_ENGINE) }}
{{- fail "engines: give url, or enable rayService or embedded, or name engines in settings (DEFAULT_STT_ENGINE, …)" }}
{{- end }}
{{- if and (or .Values.engines.rayService.enabled .Values.engines.embedded) (not .Values.engines.modelsClaim) }}
{{- fail "engines.modelsClaim: name a PersistentVolumeClaim with the models" }}
{{- end }}
{{- if and .Values.engines.rayService.enabled (not .Values.engines.rayService.secretName) }}
{{- fail "engines.rayService.secretName: name a Secret with the key secret" }}
{{- end }}
{{- if and .Values.engines.rayService.enabled (not .Values.engines.rayService.image) }}
{{- fail "engines.rayService.image: name an image of lineside with the extras scale and embedded" }}
{{- end }}
{{- end -}}

{{- define "lineside.enginesPort" -}}
{{- $host := (urlParse .Values.engines.url).host -}}
{{- if contains ":" $host -}}{{ splitList ":" $host | last }}{{- else if hasPrefix "https" .Values.engines.url -}}443{{- else -}}80{{- end -}}
{{- end -}}

{{- define "lineside.rayPod" -}}
{{- $ray := .Values.engines.rayService -}}
automountServiceAccountToken: false
containers:
  - name: ray
    image: {{ $ray.image }}
    env:
      - {name: RAY_USAGE_STATS_ENABLED, value: "0"}
      - {name: RAY_SERVE_ENABLE_HA_PROXY, value: "1"}
      - name: LINESIDE_ENGINE_SECRET
        valueFrom: {secretKeyRef: {name: {{ $ray.secretName }}, key: secret}}
    resources: {{- toYaml $ray.resources | nindent 6 }}
    volumeMounts: [{name: models, mountPath: /models, readOnly: true}]
volumes:
  - name: models
    persistentVolumeClaim: {claimName: {{ .Values.engines.modelsClaim }}, readOnly: true}
{{- end -}}
