"""Two ways of paging that dlt's client does not have.

In: a page. Out: whether there is another, and how to ask for it.

CountedPages   page=1, 2, 3 … until as many records as the page's total says have been seen; such systems give the last
               page again when they are asked for one beyond it (Adobe Commerce)
TokenPages     a mark in the page, sent back until the page says that the end is reached; the mark stands there even
               then, because the next pull goes on from it (Zendesk)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dlt.sources.helpers.rest_client.paginators import BasePaginator

from floorwalker.sources.connectors.rows import at

if TYPE_CHECKING:
    from requests import Request, Response


class CountedPages(BasePaginator):
    """`size`: records in a full page."""

    def __init__(self, param: str, size: int, total_path: str, records: str) -> None:
        super().__init__()
        self.param, self.size, self.total_path, self.records = param, size, total_path, records
        self.page = 1

    def init_request(self, request: Request) -> None:
        self.update_request(request)

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        body = response.json()
        here, total = at(body, self.records), at(body, self.total_path)
        whole = isinstance(here, list) and len(here) >= self.size
        self._has_next_page = whole and not (isinstance(total, int) and self.page * self.size >= total)
        self.page += 1

    def update_request(self, request: Request) -> None:
        request.params = {**_params(request), self.param: self.page}


class TokenPages(BasePaginator):
    """`drop`: parameters of the first request that may not come with the mark."""

    def __init__(self, token_path: str, param: str, end_path: str, drop: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.token_path, self.param, self.end_path, self.drop = token_path, param, end_path, tuple(drop)
        self.token: str | None = None

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        body = response.json()
        self.token = at(body, self.token_path)
        self._has_next_page = bool(self.token) and not at(body, self.end_path)

    def update_request(self, request: Request) -> None:
        if self.token:
            kept = {key: value for key, value in _params(request).items() if key not in self.drop}
            request.params = {**kept, self.param: self.token}


def _params(request: Request) -> dict[str, Any]:
    params: Any = request.params or {}
    return dict(params)
