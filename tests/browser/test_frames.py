"""HTML of a `render=` function opens no connection from its frame, not even those that no policy can block."""

from __future__ import annotations

import html
import socket
import threading
from collections.abc import Iterator

import pytest

from widgets.view.rendering import FRAME_POLICY, document

pytestmark = [pytest.mark.browser, pytest.mark.slow]

HOSTILE = """
<link rel=preconnect href=http://127.0.0.1:{p}><link rel=preconnect crossorigin href=http://127.0.0.1:{p}>
<link rel=dns-prefetch href=http://127.0.0.1:{p}><link rel=prefetch href=http://127.0.0.1:{p}/a>
<link rel=stylesheet href=http://127.0.0.1:{p}/a><base href=http://127.0.0.1:{p}/><img src=a>
<meta http-equiv=refresh content='0;url=http://127.0.0.1:{p}/'><iframe src=http://127.0.0.1:{p}/></iframe>
<object data=http://127.0.0.1:{p}/></object><embed src=http://127.0.0.1:{p}/><portal src=http://127.0.0.1:{p}/></portal>
<script type=speculationrules>{{"prefetch": [{{"source": "list", "urls": ["http://127.0.0.1:{p}/"]}}]}}</script>
<svg><image href=http://127.0.0.1:{p}/ /><use href=http://127.0.0.1:{p}/#a /><style><p><link rel=preconnect
href=http://127.0.0.1:{p}></style></svg><style>@import url(http://127.0.0.1:{p}/); b {{ background:
url(http://127.0.0.1:{p}/) }}</style><b>seen</b><video poster=http://127.0.0.1:{p}/ src=http://127.0.0.1:{p}/></video>
<math><mtext><table><mglyph><style><!--</style><link rel=preconnect href=http://127.0.0.1:{p}>--></style></table></math>
<noscript><link rel=preconnect href=http://127.0.0.1:{p}></noscript><template><link rel=preconnect></template>
<!--><link rel=preconnect href=http://127.0.0.1:{p}>--><a id=go href=http://127.0.0.1:{p}/ ping=http://127.0.0.1:{p}/>go</a>
"""


class Listener:
    """A server that records whether anything connects."""

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(16)
        self.port, self.hits = self._socket.getsockname()[1], 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.hits += 1
            connection.close()

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def listeners() -> Iterator[tuple[Listener, Listener]]:
    made = Listener(), Listener()
    yield made
    for listener in made:
        listener.close()


def frame(page_of_html: str) -> str:
    return f'<iframe sandbox="" referrerpolicy="no-referrer" srcdoc="{html.escape(page_of_html)}"></iframe>'


@pytest.mark.parametrize("policy", ["", FRAME_POLICY + "; frame-src 'none'"], ids=["live", "saved"])
def test_a_frame_opens_no_connection(whole_browser, listeners, tmp_path, policy):
    """A second frame with the unmodified HTML shows that a connection would have been detected."""
    quiet, control = listeners
    head = f'<meta http-equiv="Content-Security-Policy" content="{policy}">' if policy else ""
    bare = f"<link rel=preconnect href=http://127.0.0.1:{control.port}>"
    body = frame(document(HOSTILE.format(p=quiet.port))) + frame(bare)
    (tmp_path / "page.html").write_text(f"<!doctype html><html><head>{head}</head><body>{body}</body></html>")
    page = whole_browser.new_page()
    try:
        page.goto((tmp_path / "page.html").as_uri())
        inner = page.frame_locator("iframe").first
        assert inner.locator("b").inner_text() == "seen"
        inner.locator("#go").click()
        for _ in range(600):  # a state: the control has connected
            if control.hits:
                break
            page.wait_for_timeout(100)
        assert control.hits
        assert quiet.hits == 0
    finally:
        page.close()
