"""The plan as Ray Serve applications: one for each role, at its route, and the ingress for all that remains.

Each role's requests go from Serve's entrance straight to a replica. Ray is imported only here and by what runs in it.
"""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lineside.engine_server.launch import SECRET
from lineside.engine_server.openmp import GENTLE_THREADS
from lineside.engine_server.scale.ingress import EngineIngress
from lineside.engine_server.scale.plan import ROLES, EnginePlan, EngineRole, RolePlan, plan_of_ingress, plan_of_role
from lineside.engine_server.scale.replica import EngineReplica, ModelSource
from lineside.engine_server.server import catalogue_models
from lineside.errors import ConfigError
from lineside.settings import LOOPBACK

if TYPE_CHECKING:
    from ray.serve import Application

ROUTES: dict[EngineRole, str] = {
    "stt": "/v1/audio/transcriptions",
    "llm": "/v1/chat/completions",
    "tts": "/v1/audio/speech",
}
INGRESS = "lineside-ingress"
QUIET = {"enable_access_log": False}
TOLD_EVERY = 2.0  # seconds between two words of a replica about its load
REMEMBERED = 10.0  # seconds of load that autoscaling looks back on
HEALTH_EVERY, HEALTH_WITHIN = 5.0, 15.0  # seconds


def application_name(role: EngineRole) -> str:
    """Of a role's application, as `serve status` shows it."""
    return f"lineside-{role}"


def role_application(
    role: EngineRole, plan: RolePlan, models_dir: str, source: ModelSource = catalogue_models
) -> "Application":
    """A role's replicas."""
    from ray import serve

    environment = {**GENTLE_THREADS, **plan.environment, **_secret()}
    most = plan.max_replicas or plan.replicas
    deployment = serve.deployment(EngineReplica).options(
        name=role,
        ray_actor_options={
            "num_cpus": plan.cpus,
            "num_gpus": plan.gpus,  # Ray sets CUDA_VISIBLE_DEVICES or HIP_VISIBLE_DEVICES to the replica's share
            "runtime_env": {"env_vars": environment},
        },
        autoscaling_config={
            "min_replicas": plan.replicas,
            "max_replicas": most,
            "target_ongoing_requests": plan.requests_each,
            "metrics_interval_s": TOLD_EVERY,
            "look_back_period_s": REMEMBERED,
            "upscale_delay_s": REMEMBERED,
        },
        max_ongoing_requests=plan.most_requests,
        max_queued_requests=plan.most_waiting,
        graceful_shutdown_timeout_s=plan.drain_seconds,
        health_check_period_s=HEALTH_EVERY,
        health_check_timeout_s=HEALTH_WITHIN,
    )
    return deployment.bind(role, plan, models_dir, source)


def ingress_application(plan: EnginePlan) -> "Application":
    """The ingress, two of it: one that dies is no outage."""
    from ray import serve

    names = {role: application_name(role) for role in plan.roles}
    deployment = serve.deployment(EngineIngress).options(
        name="ingress", num_replicas=2, ray_actor_options={"num_cpus": 0, "runtime_env": {"env_vars": _secret()}}
    )
    return deployment.bind(names)


def _secret() -> dict[str, str]:
    """For the processes of replicas. On Kubernetes the machines have it from elsewhere."""
    secret = os.environ.get(SECRET)
    return {SECRET: secret} if secret else {}


def deploy(
    plan: EnginePlan, *, address: str, host: str, port: int, source: ModelSource = catalogue_models
) -> dict[str, str]:
    """Deploy it on a running cluster, and wait until all is ready; route → application. Raises `ConfigError`.

    What was deployed before is replaced, replica by replica. A role that is left out is taken away.
    """
    if host not in LOOPBACK and not os.environ.get(SECRET):
        raise ConfigError(f"--host {host} is reachable from elsewhere: set {SECRET}, and put it into EMBEDDED_URL")
    try:
        import ray
        from ray import serve
    except ImportError:
        raise ConfigError("Ray is not installed: pip install 'lineside[scale]'") from None
    try:
        ray.init(address=address, ignore_reinit_error=True, logging_level="warning", log_to_driver=False)
    except ConnectionError as no:
        raise ConfigError(f"no Ray cluster answers at {address}: start one with `ray start --head` ({no})") from None
    serve.start(proxy_location="EveryNode", http_options={"host": host, "port": port}, logging_config=QUIET)
    deployed = {}
    for role in ROLES:
        name = application_name(role)
        if role not in plan.roles:
            serve.delete(name)
            continue
        made = role_application(role, plan.roles[role], plan.models_dir, source)
        serve.run(made, name=name, route_prefix=ROUTES[role], logging_config=QUIET)
        deployed[ROUTES[role]] = name
    serve.run(ingress_application(plan), name=INGRESS, route_prefix="/", logging_config=QUIET)
    return {**deployed, "/": INGRESS}


def role(args: Mapping[str, Any]) -> "Application":
    """For a RayService's `import_path`: `args` are a role's table of engines.toml, with `role` and `models_dir`."""
    name, plan = plan_of_role(args)
    return role_application(name, plan.roles[name], plan.models_dir)


def ingress(args: Mapping[str, Any]) -> "Application":
    """For a RayService's `import_path`: `args` say which `roles` there are, separated by spaces."""
    return ingress_application(plan_of_ingress(args))
