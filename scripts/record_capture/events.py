"""What the DevTools protocol says, as events of Ringtail: one JSON object on a line."""

import json
import re

TEXT_MAX = 400  # of one string in data
FRAMES_MAX = 2  # of a call stack
HEADERS_KEPT = {"content-type", "content-length", "location", "accept", "cache-control"}

TYPES = {
    "Runtime.exceptionThrown": "console.exception",
    "Network.requestWillBeSent": "network.request",
    "Network.requestServedFromCache": "network.cached",
    "Network.responseReceived": "network.response",
    "Network.loadingFinished": "network.finished",
    "Network.loadingFailed": "network.failed",
    "Page.frameNavigated": "page.navigation",
    "Page.navigatedWithinDocument": "page.navigation_within",
    "Page.domContentEventFired": "page.dom_content_loaded",
    "Page.loadEventFired": "page.load",
}

# Members of the protocol's parameters that say nothing to a reader of the recording.
DROPPED = {"timing", "securityDetails", "securityState", "connectionId", "connectionReused", "remotePort", "remoteIPAddress",
           "responseTime", "isSameSite", "isLinkPreload", "initialPriority", "mixedContentType", "referrerPolicy",
           "redirectHasExtraInfo", "hasExtraInfo", "requestHeadersText", "headersText", "alternateProtocolUsage",
           "crossOriginIsolatedContextType", "secureContextType", "gatedAPIFeatures", "adFrameStatus", "executionContextId",
           "scriptId", "postDataEntries", "charset", "fromPrefetchCache", "serviceWorkerRouterInfo", "domainAndRegistry",
           "objectId", "uniqueId", "exceptionMetaData", "wallTime", "renderBlockingBehavior", "isIpProtectionUsed",
           "didUseSharedDictionary", "isAdRelated"}


def trim(value, key=""):
    if isinstance(value, dict):
        if key in ("headers", "requestHeaders"):
            return {name: trim(text) for name, text in value.items() if name.lower() in HEADERS_KEPT}
        return {name: trim(inner, name) for name, inner in value.items() if name not in DROPPED}
    if isinstance(value, list):
        return [trim(inner) for inner in (value[:FRAMES_MAX] if key == "callFrames" else value)]
    if isinstance(value, str) and len(value) > TEXT_MAX:
        return value[:TEXT_MAX] + "…"
    return value


def line_of(event):
    """UTF-8 as it is, lone surrogates escaped: they can't be written otherwise."""
    text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    return re.sub("[\ud800-\udfff]", lambda match: f"\\u{ord(match.group()):04x}", text)


class recorder:
    def __init__(self, target, places):
        self.target = target
        self.places = places  # texts that another run would have otherwise, and what is written for them
        self.lines = []
        self.last_ts = 0
        self.page_url = "about:blank"
        self.requests = {}  # id: url
        self.monotonic_to_wall = None  # seconds

    def add(self, method, params):
        if method == "Runtime.consoleAPICalled":
            self.write("console." + params["type"], method, params, ts=params["timestamp"] * 1000, url=self.page_url)
        elif method == "Runtime.bindingCalled":
            seen = json.loads(params["payload"])
            self.write("interaction." + seen.pop("what"), method, seen, ts=seen.pop("at") * 1000, url=self.page_url)
        elif method in TYPES:
            self.write(TYPES[method], method, params, **self.when_and_where(method, params))

    def when_and_where(self, method, params):
        if "wallTime" in params:
            self.monotonic_to_wall = params["wallTime"] - params["timestamp"]
        if method == "Page.frameNavigated":
            self.page_url = params["frame"]["url"]
        elif method == "Page.navigatedWithinDocument":
            self.page_url = params["url"]
        url = self.page_url
        if method.startswith("Network."):
            asked = params.get("request", params.get("response"))
            if asked:
                self.requests[params["requestId"]] = asked["url"]
            url = self.requests.get(params["requestId"], self.page_url)
        ts = self.last_ts
        if method == "Runtime.exceptionThrown":
            ts = params["timestamp"] * 1000
        elif "timestamp" in params and self.monotonic_to_wall is not None:
            ts = (params["timestamp"] + self.monotonic_to_wall) * 1_000_000
        return {"ts": ts, "url": url}

    def write(self, kind, method, params, ts, url):
        self.last_ts = int(ts)
        event = {"ts": self.last_ts, "type": kind, "category": kind.partition(".")[0],
                 "source": {"kind": "extension", "event": method, "metadata": {"target_id": self.target}}}
        if "stackTrace" in params or "exceptionDetails" in params:
            event["detail_level"] = "full"
        event["url"] = url
        event["data"] = trim(params)
        line = line_of(event)
        for text, stands_for in self.places:
            line = line.replace(text, stands_for)
        self.lines.append(line)
