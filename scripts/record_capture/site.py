"""A small web site on 127.0.0.1 with the things that go right and wrong on real ones: pages, assets, an API that answers,
refuses, breaks and cuts the line."""

import http.server
import json
import struct
import threading
import zlib

PAGES = ("shop", "search", "form", "trouble")

STYLE = "body{font:16px sans-serif;margin:24px}button,input{display:block;margin:8px 0;width:240px;height:32px}\n"

# Each page sets window.done to a promise that is settled when the page has done what it does.
SCRIPTS = {
    "shop": """
window.done = (async () => {
  console.log('shop ready', {page: PAGE, items: 3, tags: ['a', 'b']});
  for (let i = 0; i < 3; i++) {
    const answer = await fetch(`/api/items?page=${PAGE}&part=${i}`);
    const items = await answer.json();
    console.info('items', i, items.length, items[0].name);
  }
  await new Promise(end => {
    const request = new XMLHttpRequest();
    request.open('POST', '/api/cart');
    request.setRequestHeader('Content-Type', 'application/json');
    request.onloadend = end;
    request.send(JSON.stringify({item: PAGE, amount: 2, note: 'für später ☕'}));
  });
  console.table([{id: 1, price: 9.5}, {id: 2, price: 12}]);
  console.count('visits');
})();
""",
    "search": """
window.done = (async () => {
  console.group('search %d', PAGE);
  console.debug('Größe – naïve – 東京 – Ελλάδα – עברית – 🦎🎉');
  console.log('half of a pair: \\ud83d, the other half: \\udd8e, turned: \\udd8e\\ud83d');
  console.log({'key \\ud800': 'value \\udfff', whole: '\\ud83e\\udd8e'});
  console.log('nothing: \\u0000 and a bell: \\u0007 and a quote: " and a backslash: \\\\');
  console.groupEnd();
  const words = ['ringtail', 'lemur catta', 'größe', '東京', 'a&b=c'];
  await Promise.all(words.map(word => fetch('/api/search?q=' + encodeURIComponent(word)).then(a => a.text())));
  history.pushState({}, '', `/search?page=${PAGE}#results`);
  await fetch('/redirect?to=/api/items').then(a => a.json());
  performance.mark('searched');
  console.timeEnd('never started');
})();
""",
    "form": """
window.done = (async () => {
  const form = document.createElement('form');
  form.innerHTML = '<input id=name placeholder=name><button id=send type=button>send</button>';
  document.body.append(form);
  document.getElementById('send').addEventListener('click', () => {
    window.sent = fetch('/api/form', {method: 'POST', body: new URLSearchParams({name: document.getElementById('name').value})})
      .then(answer => console.log('sent', answer.status));
  });
  console.log('form ready');
})();
""",
    "trouble": """
window.done = (async () => {
  const attempt = (name, ...rest) => fetch(...rest).then(
    async answer => { await answer.text(); console.warn(name, answer.status, answer.statusText); })
    .catch(error => console.error(name, error));
  await attempt('missing', '/api/missing');
  await attempt('broken', '/api/broken');
  await attempt('refused', 'http://127.0.0.1:CLOSED/api');
  await attempt('cut', '/api/cut');
  await attempt('other origin', 'http://localhost:PORT/api/items');
  const stop = new AbortController();
  const slow = attempt('aborted', '/api/slow', {signal: stop.signal});
  stop.abort();
  await slow;
  console.assert(1 === 2, 'one is not two');
  console.trace('where');
  Promise.reject(new RangeError('rejected and not handled'));
  setTimeout(() => { undefined_function(); }, 0);
  setTimeout(() => { throw {code: 7, why: 'an object was thrown \\ud800'}; }, 0);
  JSON.parse('{"a":') ;
})().catch(error => console.error('gave up:', error)).then(() => new Promise(end => setTimeout(end, 20)));
""",
}


def png():
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = b"".join(b"\0" + b"\x40\x80\xc0" * 8 for _ in range(8))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def page(name, number):
    return f"""<!doctype html><html lang=en><meta charset=utf-8><title>{name} {number}</title>
<link rel=icon href=data:,><link rel=stylesheet href="/asset/style.css?{number % 4}">
<h1>{name}</h1><button id=more>more</button><img src="/asset/dot.png?{number}" alt="">
<script>const PAGE = {number};</script><script src="/asset/{name}.js?{number}"></script></html>"""


class handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, kind, body, **headers):
        body = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer(201, "application/json", json.dumps({"received": len(body)}))

    def do_GET(self):
        path, _, query = self.path.partition("?")
        name = path.strip("/").split("/")[-1].split(".")[0]
        if path == "/" + name and name in PAGES:
            self.answer(200, "text/html; charset=utf-8", page(name, int(query.partition("=")[2] or 0)))
        elif path.endswith(".js"):
            self.answer(200, "text/javascript", self.server.script(name), Cache_Control="no-store")
        elif path.endswith(".css"):
            self.answer(200, "text/css", STYLE, Cache_Control="max-age=600")
        elif path.endswith(".png"):
            self.answer(200, "image/png", png(), Cache_Control="max-age=600")
        elif path == "/redirect":
            self.answer(302, "text/plain", "", Location=query.partition("=")[2])
        elif path == "/api/items":
            self.answer(200, "application/json", json.dumps([{"id": i, "name": f"item {i}"} for i in range(5)]))
        elif path == "/api/search":
            self.answer(200, "application/json", json.dumps({"found": 0, "query": query}))
        elif path == "/api/broken":
            self.answer(500, "text/plain", "broken on purpose")
        elif path == "/api/slow":
            self.server.stopping.wait(1.0)
            self.answer(200, "text/plain", "late")
        elif path == "/api/cut":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"only this")
            self.close_connection = True
        else:
            self.answer(404, "text/plain", "no such thing")


class site(http.server.ThreadingHTTPServer):
    """`closed_port` is one where nobody listens."""
    daemon_threads = True

    def __init__(self, closed_port):
        super().__init__(("127.0.0.1", 0), handler)
        self.port = self.server_address[1]
        self.closed_port = closed_port
        self.stopping = threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        pass  # the browser may leave whenever it likes

    def script(self, name):
        text = SCRIPTS.get(name, "")
        return text.replace("CLOSED", str(self.closed_port)).replace("PORT", str(self.port))

    def stop(self):
        self.stopping.set()
        self.shutdown()
        self.server_close()
