"""Values that the schema of the values or a template refuses."""

from chart import GATEWAY, INGRESS, PAGES, case, refused

BAD = [
    ("replicas=0", "replicas"), ("replicas=two", "replicas"), ("replica=2", "replica"),
    ("image.tag=a b", "image/tag"), ("image.digest=sha256:12", "image/digest"), ("image.repository=Upper/x", "image/repository"),
    ("image.pullPolicy=Sometimes", "image/pullPolicy"), ("image.registry=x", "registry"),
    ("zoom.oauthUrl=zoom.us", "zoom/oauthUrl"), ("zoom.oauthUrl=ftp://zoom.us", "zoom/oauthUrl"),
    ("zoom.apiUrl=https://api.zoom.us/v2", "zoom/apiUrl"), ("zoom.oauthUrl=https://user:pw@zoom.us", "zoom/oauthUrl"),
    ("watchNamespaces=a", "watchNamespaces"), ("watchNamespaces={A}", "watchNamespaces/0"), ("watchNamespaces={a,a}", "watchNamespaces"),
    ("watchNamespaceSelector.zoom=yes", "watchNamespaceSelector"), ("operatorClass=Blue", "operatorClass"),
    ('watchNamespaceSelector:={"matchExpressions":[{"key":"a","operator":"Like"}]}', "operator"),
    ("leaderElection.leaseDuration=1", "leaderElection/leaseDuration"), ("leaderElection.leaseDuration=15s", "leaderElection/leaseDuration"),
    ("concurrency=0", "concurrency"), ("concurrency=257", "concurrency"), ("logging.format=xml", "logging/format"), ("logging.level=", "logging/level"),
    ("crds.keep=yes", "crds/keep"), ("networkPolicy.apiServerPorts={0}", "networkPolicy/apiServerPorts/0"),
    ("networkPolicy.dnsPorts:=[]", "networkPolicy/dnsPorts"), ("podLabels.a=1", "podLabels/a"),
    ("resources.limit.cpu=1", "limit"), ("extraEnv:=[{}]", "extraEnv/0"), ("extraArgs=x", "extraArgs"), ("extraVolumeMounts:=[{\"name\":\"a\"}]", "extraVolumeMounts/0"),
    ("admissionPolicies.validationActions={Refuse}", "admissionPolicies/validationActions/0"), ("admissionPolicies.distribution.allowed={Secret}", "admissionPolicies/distribution/allowed/0"),
    ("admissionPolicies.sinks.allowed={a}", "admissionPolicies/sinks/allowed/0"), ("grafanaDashboard.enabled=yes", "grafanaDashboard/enabled"),
    ("proxy.httpsProxy=socks5://p:1080", "proxy/httpsProxy"), ("proxy.httpsProxy=http://user:pw@proxy:3128", "proxy/httpsProxy"),
    ("caBundle=/etc/ca.crt", "caBundle"), ("dnsPolicy=None!", "dnsPolicy"), ("service.ipFamilies={IPv5}", "service/ipFamilies/0"),
    ("receiver.service.ipFamilyPolicy=Dual", "receiver/service/ipFamilyPolicy"), ("receiver.podLabels.a=1", "receiver/podLabels/a"),
    ("proxy.httpsProxy=http://p:3128 proxy.secretRef.name=p", "choose one"), ("securityContext:={}", "securityContext"),
    ("prometheusRule.tokenExpirySeconds=0", "prometheusRule/tokenExpirySeconds"), ("serviceMonitor.interval=soon", "serviceMonitor/interval"),
    ("receiver.image=a b", "receiver/image"), ("receiver.maxConcurrentRollouts=0", "receiver/maxConcurrentRollouts"),
    ("receiver.hosts={a}", "receiver/hosts/0"), ('receiver.hosts:=[{"namespace":"a","pattern":"*"}]', "receiver/hosts/0/pattern"),
    ('receiver.hosts:=[{"namespace":"a","pattern":"x.*.example"}]', "receiver/hosts/0/pattern"), ("receiver.host=a", "host"),
    ("receiver.endpoint.allowedAnnotations={a b}", "receiver/endpoint/allowedAnnotations/0"), ("receiver.endpoint.allowedLabels={*/a}", "receiver/endpoint/allowedLabels/0"),
    ("receiver.pods.allowedPriorityClasses={A b}", "receiver/pods/allowedPriorityClasses/0"), ("receiver.sinks.allowedNetworks={10.0.0.0}", "receiver/sinks/allowedNetworks/0"), ("receiver.sinks.refusedNetworks={10.0.0.0}", "receiver/sinks/refusedNetworks/0"), ("receiver.networkPolicy.enabled=yes", "receiver/networkPolicy/enabled"), ("receiver.reachability.enabled=yes", "receiver/reachability/enabled"),
    ("prometheusRule.validationHours=73", "prometheusRule/validationHours"), ("imagePullSecrets={a}", "imagePullSecrets/0"),
    ("zoom.refreshTokenDays=0", "zoom/refreshTokenDays"), ("zoom.sealedGrantDays=0", "zoom/sealedGrantDays"), ("zoom.dataDeletionDays=0", "zoom/dataDeletionDays"), ("zoom.refreshTokenDays=90d", "zoom/refreshTokenDays"),
    ("connect.url=connect.example.com", "connect/url"), ("connect.url=ftp://a.example", "connect/url"), ("connect.url=https://", "connect/url"),
    ("connect.url=https://u:p@a.example", "connect/url"), ("connect.url=https://a.example?x", "connect/url"),
    ("connect.url=https://a.example#x", "connect/url"), ("connect.url=https://a.example/a//b", "connect/url"),
    ("connect.url=https://a.example/../b", "connect/url"), ("connect.url=https://A.example", "connect/url"),
    ("connect.url=http://a.example", "connect.url is http://a.example: consent pages need https; http is for localhost only"),
    ("connect.url=http://localhost.example", "http is for localhost only"), ("connect.url=http://127.0.0.10", "http is for localhost only"),
    ("connect.acceptConnections={a}", "connect/acceptConnections/0"), ('connect.acceptConnections:=[{"namespace":"*","from":"a"}]', "connect/acceptConnections/0/namespace"),
    ("connect.urls=x", "urls"), ("connect.replicas=0", "connect/replicas"), ("connect.resources.limit.cpu=1", "limit"),
    ("connect.service.type=ExternalName", "connect/service/type"), ("connect.service.port=80", "port"),
    ("connect.ingress.host=a.example", "host"), ("connect.ingress.className=A b", "connect/ingress/className"),
    ("connect.gateway.parentRefs:=[{}]", "connect/gateway/parentRefs/0"), ("connect.gateway.hostnames={a}", "hostnames"),
    ("connect.networkPolicy.enabled=false", "enabled"), ("connect.networkPolicy.ingressFrom={a}", "connect/networkPolicy/ingressFrom/0"),
    ("connect.serviceAccount.token=x", "token"), ("connect.podLabels.a=1", "connect/podLabels/a"),
    (INGRESS, "connect.ingress.enabled needs connect.url"), (" ".join(GATEWAY), "connect.gateway.enabled needs connect.url"),
    (f"{PAGES} connect.gateway.enabled=true", "needs connect.gateway.parentRefs"),
    (f"connect.url=https://10.0.0.1 {INGRESS}", "not the address 10.0.0.1"),
    (f"{PAGES} connect.serviceAccount.create=false", "connect.serviceAccount.name is needed when connect.serviceAccount.create is false"),
    ("serviceAccount.create=false", "serviceAccount.name"), ("serviceMonitor.enabled=true service.enabled=false", "service.enabled"),
]

for bad, field in BAD:
    @case(f"refuses {bad}")
    def _(bad=bad, field=field):
        message = refused(*(bad.split() if " " in bad and bad.count("=") > 1 else [bad]))
        assert field in message, message
