"""What operators ask: is the server there, is it ready, what does it do."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from wbrag_pipeline.serving.refused_request import RefusedRequest
from wbrag_pipeline.serving.search_service import SearchService
from wbrag_pipeline.serving.service_metrics import METRICS_TYPE


@dataclass(frozen=True)
class OperationEndpoints:
    """The endpoints over one service. Those that look at releases read files, and so run in a thread."""

    service: SearchService

    async def health(self, request: Request) -> Response:
        """``GET /healthz``: 200 as long as the server runs."""
        return JSONResponse({"status": "ok"})

    def readiness(self, request: Request) -> Response:
        """``GET /readyz``: 200 once every release is open and verified."""
        if not self.service.is_ready:
            problem = "the release is being opened and verified; try again in a moment"
            raise RefusedRequest(503, "not_ready", problem, headers={"Retry-After": "2"})
        releases = {name: release for name, (release, _) in self.service.served().items()}
        remotes = {
            name: {"failing": failing, "seconds_since_success": round(age, 1)}
            for name, (failing, age) in self.service.remotes().items()
        }
        return JSONResponse({"status": "ready", "releases": releases} | ({"remotes": remotes} if remotes else {}))

    def metrics(self, request: Request) -> Response:
        """``GET /metrics``: Prometheus' text format."""
        return Response(self.service.metrics.exposition(), headers={"Content-Type": METRICS_TYPE})
