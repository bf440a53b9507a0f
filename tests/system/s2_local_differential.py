#!/usr/bin/env python3
"""Sends the same HTTP/1.1 requests to two S2 servers and prints where they differ in status, headers or body shape.

    s2_local_differential.py 127.0.0.1:7801 127.0.0.1:7802      (ours with --cors, then `s2 lite`)

Times and the words of `message` are not compared. Each run uses a basin of its own. Exit 1: there are differences.
"""
import base64
import http.client
import json
import re
import sys
import uuid

COMPARED_HEADERS = ("content-type", "s2-provision-result", "cache-control", "x-accel-buffering", "allow",
                    "access-control-allow-origin", "access-control-allow-methods", "access-control-allow-headers",
                    "content-encoding")
BASIN = "diff-" + uuid.uuid4().hex[:12]


def ask(server, method, path, body=None, headers=None):
    host, port = server.rsplit(":", 1)
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    except Exception as failed:  # a connection that is cut is an answer too
        return 0, {}, repr(failed).encode()
    finally:
        connection.close()


def shape(value):
    """Times out, words out."""
    if isinstance(value, dict):
        return {k: "<words>" if k == "message" else "<time>" if k in ("created_at", "deleted_at", "timestamp") and v is not None
                else shape(v) for k, v in value.items()}
    if isinstance(value, list):
        return [shape(each) for each in value]
    return value


def frames(body):
    """S2S frames; of acks and batches without timestamps, of acks without the tail (which may count later batches)."""
    found = []
    while len(body) >= 4:
        end = 3 + int.from_bytes(body[:3], "big")
        flags, payload, body = body[3], body[4:end], body[end:]
        if flags & 0x80:
            found.append([flags, int.from_bytes(payload[:2], "big"), shape(json.loads(payload[2:]))])
        else:
            found.append([flags, re.sub(rb"\x10[\x80-\xff]{5}[\x00-\x7f]", b"", re.sub(rb"\x1a\x09?.*$", b"", payload))])
    return found + [body]


def normalised(answer):
    status, headers, body = answer
    kept = {k: headers[k] for k in COMPARED_HEADERS if k in headers}
    if status == 200 and headers.get("content-type") == "s2s/proto":
        return status, kept, frames(body)
    try:
        text = shape(json.loads(body))
    except Exception:
        text = re.sub(rb'"timestamp":\d+', b'"timestamp":0', body)
    return status, kept, text


def cases():
    j = {"content-type": "application/json"}
    b = {"s2-basin": BASIN}
    jb = {**j, **b}

    def js(value):
        return json.dumps(value)

    def rec(*bodies, **more):
        return js({"records": [{"body": each} for each in bodies], **more})

    basin = f"/v1/basins/{BASIN}"
    yield "POST", "/v1/basins", js({"basin": BASIN}), {**j, "s2-request-token": "t1"}
    yield "POST", "/v1/basins", js({"basin": BASIN}), {**j, "s2-request-token": "t1"}
    yield "POST", "/v1/basins", js({"basin": BASIN}), {**j, "s2-request-token": "t2"}
    yield "POST", "/v1/basins", js({"basin": BASIN}), {**j, "s2-request-token": "t" * 37}
    yield "POST", "/v1/basins", js({"basin": "x"}), j
    yield "POST", "/v1/basins", js({"config": {}}), j
    yield "POST", "/v1/basins", js({"basin": BASIN, "config": {"default_stream_config": {"retention_policy": {"age": 0}}}}), j
    yield "POST", "/v1/basins", "nonsense", j
    yield "POST", "/v1/basins", js({"basin": BASIN}), {}
    yield "POST", "/v1/basins", "x" * 2097153, j
    yield "GET", basin, None, {}
    yield "PUT", basin, None, {}
    yield "PUT", basin, js({"config": {"create_stream_on_append": True}}), j
    yield "PUT", basin, "", j
    yield "PUT", basin, js({"config": {"create_stream_on_append": None}}), j
    yield "PATCH", basin, js({"create_stream_on_append": True, "default_stream_config": {"timestamping": {"uncapped": True}}}), j
    yield "PATCH", basin, js({"default_stream_config": {"delete_on_empty": {"min_age_secs": 60}}}), j
    yield "PATCH", basin, js({"default_stream_config": {"timestamping": None, "delete_on_empty": None}}), j
    yield "PATCH", basin, js({"create_stream_on_append": None}), j
    yield "PATCH", basin, js({"default_stream_config": None}), j
    yield "GET", "/v1/basins/nosuch-basin", None, {}
    yield "PATCH", "/v1/basins/nosuch-basin", "{}", j
    yield "DELETE", "/v1/basins/nosuch-basin", None, {}
    yield "GET", "/v1/basins/BAD", None, {}
    yield "GET", f"/v1/basins?prefix={BASIN}", None, {}
    yield "GET", f"/v1/basins?prefix={BASIN}&limit=0", None, {}
    yield "GET", "/v1/basins?limit=x", None, {}
    yield "GET", "/v1/basins?limit=-1", None, {}
    yield "GET", "/v1/basins?prefix=%00", None, {}
    yield "GET", "/v1/basins?prefix=UPPER", None, {}

    for path in ("/nosuch", "/v1", "/v1/", "/v1/nosuch", "/v1/streams/", "/v1/streams/a/b", "/v1/streams/a/records/x",
                 "/v1/basins/", "/v1/basins/a/b"):
        yield "GET", path, None, {}
    for path in ("/v1/basins", basin, "/v1/streams", "/v1/streams/s", "/v1/streams/s/records", "/v1/streams/s/records/tail",
                 "/health", "/v1/locations", "/v1/access-tokens"):
        yield "TRACE", path, None, b
        yield "HEAD", path, None, b
    yield "OPTIONS", "/v1/basins", None, {"origin": "http://x", "access-control-request-method": "PUT",
                                          "access-control-request-headers": "a,b"}
    yield "GET", "/health", None, {"origin": "http://x"}
    yield "GET", "/ping", None, {}
    for method, path, body in (("GET", "/v1/access-tokens", None), ("POST", "/v1/access-tokens", '{"id":"a","scope":{}}'),
                               ("DELETE", "/v1/access-tokens/x", None), ("GET", "/v1/locations", None),
                               ("GET", "/v1/locations/default", None), ("PUT", "/v1/locations/default", '"x"')):
        yield method, path, body, j

    s = "/v1/streams/s"
    r = s + "/records"
    yield "GET", "/v1/streams", None, {}
    yield "GET", "/v1/streams", None, {"s2-basin": "B"}
    yield "GET", "/v1/streams", None, {"s2-basin": "nosuch-basin"}
    yield "GET", "/v1/streams", None, b
    yield "POST", "/v1/streams", js({"stream": "s"}), {**jb, "s2-request-token": "t"}
    yield "POST", "/v1/streams", js({"stream": "s"}), {**jb, "s2-request-token": "t"}
    yield "POST", "/v1/streams", js({"stream": "s", "config": {"storage_class": "x"}}), {**jb, "s2-request-token": "t"}
    yield "POST", "/v1/streams", js({"stream": "s"}), jb
    yield "POST", "/v1/streams", js({"stream": ""}), jb
    yield "POST", "/v1/streams", js({"stream": ".."}), jb
    yield "POST", "/v1/streams", js({"stream": "x" * 513}), jb
    yield "POST", "/v1/streams", js({"stream": "c", "config": {"retention_policy": {"infinite": {}}, "storage_class": "odd",
                                    "timestamping": {"mode": "arrival"}}}), jb
    yield "POST", "/v1/streams", js({"stream": "d", "config": {"retention_policy": {"age": 0}}}), jb
    yield "POST", "/v1/streams", js({"stream": "d", "config": {"timestamping": {"mode": "nosuch"}}}), jb
    yield "POST", "/v1/streams", js({"stream": "d"}), {**j, "s2-basin": "nosuch-basin"}
    yield "GET", "/v1/streams/c", None, b
    yield "PUT", "/v1/streams/c", None, b
    yield "PUT", "/v1/streams/c", None, b
    yield "PUT", "/v1/streams/e", js({"retention_policy": {"age": 5}}), jb
    yield "PATCH", "/v1/streams/e", js({"retention_policy": None, "timestamping": {"mode": "client-require"}}), jb
    yield "PATCH", "/v1/streams/e", js({"retention_policy": {"age": 0}}), jb
    yield "PATCH", "/v1/streams/nosuch", "{}", jb
    yield "PATCH", "/v1/streams/nosuch", "{}", {**j, "s2-basin": "nosuch-basin"}
    yield "GET", "/v1/streams/nosuch", None, b
    yield "GET", "/v1/streams/nosuch", None, {"s2-basin": "nosuch-basin"}
    yield "DELETE", "/v1/streams/nosuch", None, {"s2-basin": "nosuch-basin"}
    for name in ("%FF", "%00", ".", "..", "%2E%2E", "a%2", "a%zz", "a+b", "a%20b"):
        yield "GET", f"/v1/streams/{name}", None, b
    yield "GET", "/v1/streams?prefix=%00", None, b
    yield "GET", "/v1/streams?prefix=c&start_after=a", None, b
    yield "GET", "/v1/streams?limit=1", None, b
    yield "GET", "/v1/streams?limit=2&start_after=c", None, b

    yield "GET", r, None, b
    yield "GET", r + "?seq_num=0", None, b
    yield "GET", r + "?timestamp=0", None, b
    yield "GET", r + "?seq_num=1", None, b
    yield "GET", r + "?seq_num=1&clamp=true", None, b
    yield "GET", r + "?seq_num=1&clamp=1", None, b
    yield "GET", r + "?seq_num=1&count=0", None, b
    yield "GET", r + "?seq_num=0&timestamp=0", None, b
    yield "GET", r + "?seq_num=0&seq_num=0", None, b
    yield "GET", r + "?timestamp=5&until=5", None, b
    yield "GET", r + "?wait=1", None, b
    yield "GET", r + "?seq_num=0&unknown=1", None, b
    yield "GET", r + "/tail", None, b
    yield "GET", "/v1/streams/nosuch/records/tail", None, b
    yield "GET", "/v1/streams/nosuch/records", None, b
    yield "GET", "/v1/streams/nosuch/records/tail", None, {"s2-basin": "nosuch-basin"}
    yield "PATCH", basin, js({"create_stream_on_append": False}), j
    yield "POST", "/v1/streams/nosuch/records", rec("a"), jb
    yield "PATCH", basin, js({"create_stream_on_append": True}), j
    yield "POST", "/v1/streams/auto/records", rec("a", match_seq_num=1), jb
    yield "GET", "/v1/streams/auto", None, b
    yield "POST", "/v1/streams/auto2/records", rec("a"), {**jb, "s2-stream-config": '{"storage_class":"own"}'}
    yield "GET", "/v1/streams/auto2", None, b
    yield "POST", r, rec("a"), {**jb, "s2-stream-config": "{"}
    yield "POST", r, rec("a"), {**jb, "s2-stream-config": '{"retention_policy":{"age":0}}'}

    yield "POST", r, rec("a", "b", match_seq_num=0), jb
    yield "POST", r, rec("a", match_seq_num=0), jb
    yield "POST", r, rec("a", fencing_token="x"), jb
    yield "POST", r, rec("a", fencing_token="", match_seq_num=9), jb
    yield "POST", r, rec("a", fencing_token="x" * 37), jb
    yield "POST", r, js({"records": []}), jb
    yield "POST", r, js({}), jb
    yield "POST", r, js([]), jb
    yield "POST", r, js({"records": [{}]}), jb
    yield "POST", r, js({"records": [{"body": None}]}), jb
    yield "POST", r, js({"records": [{"body": 1}]}), jb
    yield "POST", r, js({"records": [{"timestamp": -1}]}), jb
    yield "POST", r, js({"records": [{"timestamp": 1.5}]}), jb
    yield "POST", r, js({"records": [{"timestamp": 5, "headers": [["k", "v"], ["k", "w"]], "body": "h", "odd": 1}]}), jb
    yield "POST", r, js({"records": [{"headers": [["k"]]}]}), jb
    yield "POST", r, js({"records": [{"headers": [["", "nosuch"]]}]}), jb
    yield "POST", r, js({"records": [{"headers": [["", "fence"], ["a", "b"]]}]}), jb
    yield "POST", r, js({"records": [{"headers": [["", "trim"]], "body": "1"}]}), jb
    yield "POST", r, js({"records": [{"headers": [["", "fence"]], "body": "t" * 37}]}), jb
    yield "POST", r, js({"records": [{"body": "x"}] * 1001}), jb
    yield "POST", r, js({"records": [{"body": "x" * (1048576 - 8)}]}), jb
    yield "POST", r, js({"records": [{"body": "x" * (1048576 - 7)}]}), jb
    yield "POST", r, js({"records": [{"body": "x" * 600000}] * 2}), jb
    yield "POST", r, js({"records": [{"body": "aGk="}]}), {**jb, "s2-format": "base64"}
    yield "POST", r, js({"records": [{"body": "/w=="}]}), {**jb, "s2-format": "json-binsafe"}
    yield "POST", r, js({"records": [{"body": "/x=="}]}), {**jb, "s2-format": "base64"}
    yield "POST", r, js({"records": [{"body": "a"}]}), {**jb, "s2-format": "base64"}
    yield "POST", r, rec("a"), {**jb, "s2-format": "BASE64"}
    yield "POST", r, rec("a"), b
    yield "POST", r, rec("a"), {**b, "content-type": "application/x-www-form-urlencoded"}
    yield "POST", r, rec("a"), {**b, "content-type": "application/vnd.x+json; charset=utf-8"}
    yield "POST", r, bytes.fromhex("0a041a026869"), {**b, "content-type": "application/protobuf"}
    yield "POST", r, bytes.fromhex("0a041a026869"), {**b, "content-type": "application/x-protobuf", "accept": "application/json"}
    yield "POST", r, b"\xff\xff", {**b, "content-type": "application/protobuf"}
    yield "POST", r, b"", {**b, "content-type": "application/protobuf"}
    yield "POST", r, b"x" * 2097153, {**b, "content-type": "application/protobuf"}
    yield "POST", r, rec("a"), {**jb, "content-encoding": "br"}
    yield "POST", r, rec("a"), {**jb, "content-encoding": "gzip"}
    yield "POST", r, rec("a"), {**jb, "s2-encryption-key": ""}
    yield "POST", r, rec("a"), {**jb, "s2-encryption-key": "!!"}
    yield "POST", r, rec("a"), {**jb, "s2-encryption-key": "k" * 45}
    yield "POST", r, rec("a\\ud800"), jb
    yield "POST", r, '{"records":[{"body":"\\ud800"}]}', jb
    yield "POST", r, b'{"records":[{"body":"\xff"}]}', jb

    yield "GET", r + "?seq_num=0&count=4", None, b
    yield "GET", r + "?seq_num=0&count=4", None, {**b, "s2-format": "base64"}
    yield "GET", r + "?tail_offset=3&bytes=40", None, b
    yield "GET", r + "?seq_num=3", None, {**b, "accept-encoding": "gzip"}
    yield "GET", r + "?tail_offset=2", None, {**b, "accept": "application/json, application/protobuf"}
    yield "GET", r + "?tail_offset=2&wait=1", None, b
    yield "GET", r + "?seq_num=0&until=1", None, b
    yield "GET", r + "?seq_num=0&until=99999999999999", None, b
    yield "GET", r + "?timestamp=99999999999999", None, b
    yield "GET", r + "?timestamp=99999999999999&clamp=true", None, b
    yield "GET", r + "?timestamp=1&count=1", None, b
    events = {**b, "accept": "text/event-stream"}
    yield "GET", r + "?seq_num=0&count=3", None, events
    yield "GET", r + "?seq_num=0&count=3", None, {**events, "last-event-id": "1,2,18"}
    yield "GET", r + "?seq_num=0&count=2", None, {**events, "last-event-id": "1,2,18"}
    yield "GET", r + "?seq_num=0&count=2", None, {**events, "last-event-id": "nonsense"}
    yield "GET", r + "?seq_num=999&count=2", None, events
    yield "GET", r + "?wait=0", None, events
    session = {**b, "content-type": "s2s/proto"}
    yield "GET", r + "?seq_num=999", None, session
    yield "GET", r + "?wait=0", None, session
    yield "GET", r + "?count=1", None, session
    yield "GET", "/v1/streams/nosuch/records", None, session

    def frame(payload, flags=0):
        return (len(payload) + 1).to_bytes(3, "big") + bytes([flags]) + payload

    good = frame(bytes.fromhex("0a041a026869"))
    for stream, body in (("q1", good), ("q2", good + good), ("q3", b""), ("q4", b"\x00\x00\x00\x00"), ("q5", good + b"\x00"),
                         ("q6", good + frame(b"")), ("q7", frame(b"\xff")), ("q8", frame(b"\x01\x94{}", 0x80)),
                         ("q9", frame(b"abc", 0x60)), ("q10", frame(b"abc", 0x20)), ("q11", frame(b"abc", 0x40)),
                         ("q12", good + frame(bytes.fromhex("0a041a0268691000")) + good), ("q13", b"\xff\xff\xff\x00"),
                         ("q14", frame(bytes.fromhex("0a041a0268691a017a"))), ("q15", frame(bytes.fromhex("0a041a0268691a01ff"))),
                         ("q16", frame(bytes.fromhex("0a041a026869"), 0x1f))):
        yield "POST", f"/v1/streams/{stream}/records", body, session
        yield "GET", f"/v1/streams/{stream}/records/tail", None, b

    fence = js({"records": [{"headers": [["", "fence"]], "body": "tok"}, {"body": "data"}]})
    yield "POST", "/v1/streams/f/records", fence, jb
    yield "POST", "/v1/streams/f/records", rec("a", fencing_token="no", match_seq_num=77), jb
    yield "POST", "/v1/streams/f/records", rec("a", fencing_token="tok"), jb
    trim = base64.b64encode((2).to_bytes(8, "big")).decode()
    b64 = {**jb, "s2-format": "base64"}
    yield "POST", "/v1/streams/f/records", js({"records": [{"headers": [["", base64.b64encode(b"trim").decode()]], "body": trim}]}), b64
    yield "GET", "/v1/streams/f/records?seq_num=2", None, {**b, "s2-format": "base64"}
    yield "PATCH", "/v1/streams/f", js({"timestamping": {"mode": "client-require"}}), jb
    yield "POST", "/v1/streams/f/records", rec("a"), jb
    yield "POST", "/v1/streams/f/records", rec("a", match_seq_num=1), jb
    yield "DELETE", "/v1/streams/f", None, b
    yield "DELETE", basin, None, {}
    yield "POST", "/v1/streams", js({"stream": "late"}), jb
    yield "PATCH", basin, "{}", j


def main():
    ours, theirs = sys.argv[1:3]
    count = differences = 0
    for method, path, body, headers in cases():
        count += 1
        first = normalised(ask(ours, method, path, body, headers))
        second = normalised(ask(theirs, method, path, body, headers))
        if first == second:
            continue
        differences += 1
        sent = repr(body[:100]) if body else ""
        print(f"{method} {path} {sent} { {k: v for k, v in headers.items() if k != 's2-basin'} }")
        for name, one in (("first", first), ("second", second)):
            print(f"  {name}: {one[0]} {one[1]} {str(one[2])[:300]}")
    print(f"{count} requests, {differences} differences")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
