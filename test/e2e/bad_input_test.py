"""Bad input: each is refused with the published status and the field's name, and changes nothing."""
import json
import socket

import harness
from harness import API, ENCRYPTION

SEAL = ENCRYPTION + "/values/actions/seal"
OPEN = ENCRYPTION + "/values/actions/open"
KEYS = ENCRYPTION + "/data-keys"


class BadInput(harness.Case):

    def setUp(self):
        super().setUp()
        self.server = self.start()
        self.id = self.tenant(self.server)
        self.token = self.service_token(self.server, self.id)

    def refused(self, path, raw, status, field=None, **options):
        options.setdefault("token", self.token)
        answer = self.server.call("POST", path, raw=raw if isinstance(raw, bytes) else raw.encode(), **options)
        self.assertEqual(answer.status, status, (raw[:80], answer))
        entry = answer.json["errors"][0]
        self.assertTrue(entry["code"] and entry["title"])
        if field is not None:
            self.assertIn(field, entry.get("meta", {}).get("field", ""), entry)
            self.assertIn(field.split("/")[0], json.dumps(entry))
        return answer

    def test_malformed_json(self):
        for raw in ("", "{", "[]", "null", "1", '"x"', '{"plaintext":}', '{"plaintext":"eA=="', "{'plaintext':'eA=='}",
                    '{"plaintext":"eA==","encryptionContext":{}} {}', "{" * 10000, "[" * 100000, "\x00",
                    b'{"plaintext":"\xff\xfe"}', '{"plaintext":"eA==",}', '{"plaintext":NaN}'):
            with self.subTest(raw=raw[:40]):
                self.refused(SEAL, raw, 400)

    def test_duplicate_and_unknown_names(self):
        self.refused(SEAL, '{"plaintext":"eA==","plaintext":"eQ==","encryptionContext":{}}', 400, "plaintext")
        self.refused(SEAL, '{"plaintext":"eA==","encryptionContext":{},"encryptionContext":{}}', 400, "encryptionContext")
        self.refused(SEAL, '{"plaintext":"eA==","encryptionContext":{"a":"1","a":"2"}}', 400, "encryptionContext")
        self.refused(SEAL, '{"plaintext":"eA==","encryptionContext":{"a":"1","\\u0061":"2"}}', 400, "encryptionContext")
        self.refused(SEAL, '{"plaintext":"eA==","encryptioncontext":{}}', 400, "encryptioncontext")
        self.refused(API + "/tenants", '{"name":"a","name":"b","region":"us-east-1"}', 400, "name",
                     token=harness.OPERATOR)

    def test_wrong_base64(self):
        for text in ("e", "eA", "eA=", "eA===", "eB==", "e A==", "eA==\\n", "-_8=", "äöü=", "=", "eA==eA=="):
            with self.subTest(text=text):
                self.refused(SEAL, '{"plaintext":"%s","encryptionContext":{}}' % text, 400, "plaintext")
        for value in ("1", "null", "true", "{}", "[]"):
            self.refused(SEAL, '{"plaintext":%s,"encryptionContext":{}}' % value, 400, "plaintext")
        self.refused(SEAL, '{"encryptionContext":{}}', 400, "plaintext")

    def test_wrong_context(self):
        long_value, many = "v" * 9000, {f"k{i}": "v" for i in range(100)}
        contexts = ['"x"', "[]", "1", "null", '{"a":1}', '{"a":null}', '{"a":{}}', '{"a":["b"]}', '{"":"x"}',
                    '{"a":"\\ud800"}', json.dumps({"a": long_value}), json.dumps(many),
                    json.dumps({"TenantId": "B" * 32}), '{"aws-crypto-public-key":"x"}']
        for context in contexts:
            with self.subTest(context=context[:40]):
                self.refused(SEAL, '{"plaintext":"eA==","encryptionContext":%s}' % context, 400, "encryptionContext")
                self.refused(KEYS, '{"managed":false,"encryptionContext":%s}' % context, 400, "encryptionContext")
        # TenantId with the right value is no more than what is there anyway.
        sealed = self.seal(self.server, self.token, b"x", {"TenantId": self.id})
        self.assert_opens(self.server, self.token, sealed, b"x")

    def test_too_large(self):
        answer = self.refused(SEAL, b" " * ((4 << 20) + 1), 413)
        self.assertEqual(answer.code, "too-large")
        big = harness.b64(b"x" * ((64 << 10) + 1))
        self.refused(SEAL, '{"plaintext":"%s","encryptionContext":{}}' % big, 413, "plaintext")
        largest = b"x" * (64 << 10)
        self.assert_opens(self.server, self.token, self.seal(self.server, self.token, largest), largest)
        items = [{"plaintext": "", "encryptionContext": {}}] * 1001
        self.assertIn(self.server.call("POST", SEAL, {"items": items}, token=self.token).status, (400, 413))
        self.refused(KEYS, '{"managed":false,"encryptionContext":{},"count":1001}', 400, "count")
        self.refused(KEYS, '{"managed":false,"encryptionContext":{},"count":0}', 400, "count")
        self.refused(KEYS, '{"managed":false,"encryptionContext":{},"count":-1}', 400, "count")

    def test_media_type(self):
        body = '{"plaintext":"eA==","encryptionContext":{}}'
        for media in ("text/plain", "application/xml", "application/jsonx", "multipart/form-data"):
            self.refused(SEAL, body, 415, headers={"Content-Type": media})
        for media in ("application/json", "application/json; charset=utf-8", "APPLICATION/JSON"):
            answer = self.server.call("POST", SEAL, raw=body.encode(), token=self.token, headers={"Content-Type": media})
            self.assertEqual(answer.status, 200, media)

    def test_what_does_not_open_is_one_and_the_same_422(self):
        other = self.tenant(self.server, "Other")
        foreign = self.seal(self.server, self.service_token(self.server, other), b"x")
        sealed = self.seal(self.server, self.token, b"x", {"a": "1"})
        prefix, body = sealed.rsplit(":", 1)
        texts = ["", "x", "#BYOKv1#:", prefix + ":", sealed[:-1], sealed + "A", foreign,
                 prefix + ":" + body[:-2] + ("AA" if body[-2:] != "AA" else "BA"),
                 sealed.replace("#BYOKv1#", "#BYOKv2#"), prefix + ":" + "A" * len(body), body,
                 prefix + ":" + body.swapcase()]
        answers = [self.open_value(self.server, self.token, t, {"a": "1"}) for t in texts]
        answers += [self.open_value(self.server, self.token, sealed, c) for c in ({}, {"a": "2"}, {"a": "1", "b": ""}, {"A": "1"})]
        key = self.data_keys(self.server, self.token, managed=False, context={"a": "1"})[0]["wrappedKey"]
        answers.append(self.open_value(self.server, self.token, key, {"a": "1"}))
        seen = set()
        for answer in answers:
            self.assertEqual(answer.status, 422, answer)
            whole = answer.json
            whole.pop("traceId", None)
            seen.add(json.dumps(whole, sort_keys=True))
        self.assertEqual(len(seen), 1, seen)
        self.assert_opens(self.server, self.token, sealed, b"x", {"a": "1"})

    def test_tenant_fields(self):
        def tenant(status, field, **body):
            self.refused(API + "/tenants", json.dumps(body), status, field, token=harness.OPERATOR)
        before = self.server.call("GET", API + "/tenants").raw
        tenant(400, "name", region="us-east-1")
        tenant(400, "name", name="", region="us-east-1")
        tenant(400, "name", name="  ", region="us-east-1")
        tenant(400, "name", name="x" * 257, region="us-east-1")
        tenant(400, "name", name="a\nb", region="us-east-1")
        tenant(400, "name", name=5, region="us-east-1")
        tenant(400, "region", name="a", region="nowhere")
        tenant(400, "region", name="a", region="../../etc")
        self.assertEqual(self.server.call("GET", API + "/tenants").raw, before)

    def test_api_key_fields(self):
        def key(status, field, **body):
            self.refused(API + "/api-keys", json.dumps(body), status, field, token=harness.OPERATOR)
        key(400, "role", description="x", tenantId=self.id)
        key(400, "role", description="x", role="Emperor", tenantId=self.id)
        key(400, "description", role="Auditor", description="x" * 5000)
        key(400, "tenantId", description="x", role="Auditor", tenantId="short")
        key(404, None, description="x", role="Auditor", tenantId="A" * 32)
        key(400, "expiry", description="x", role="Auditor", expiry="tomorrow")

    def test_batches_answer_item_by_item(self):
        good = self.seal(self.server, self.token, b"good")
        items = [{"ciphertext": good, "encryptionContext": {}}, {"ciphertext": "bad", "encryptionContext": {}},
                 {"ciphertext": good, "encryptionContext": {"a": "b"}}]
        answer = self.expect(self.server.call("POST", OPEN, {"items": items}, token=self.token), 200)["items"]
        self.assertEqual(answer[0]["plaintext"], harness.b64(b"good"))
        self.assertEqual([a["error"]["code"] for a in answer[1:]], ["decrypt-failed"] * 2)

    def test_methods_and_paths(self):
        answer = self.server.call("GET", SEAL, token=self.token)
        self.assertEqual(answer.status, 405)
        self.assertEqual(self.server.call("POST", "/healthz", {}).status, 405)
        for path in ("//", "/api", "/api/v1/../healthz", "/api/v1/tenants/%2e%2e", "/" + "a" * 3000):
            self.assertIn(self.server.call("GET", path, token=self.token).status, (400, 403, 404))
        self.assertEqual(self.server.call("GET", "/" + "a" * 5000, token=self.token).status, 414)

    def raw_exchange(self, data):
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=15) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while chunk := connection.recv(65536):
                answer += chunk
            return answer

    def test_hostile_http(self):
        head = b"POST " + SEAL.encode() + b" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + self.token.encode()
        for data in (b"\x00" * 100, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00" + b"A" * 600,
                     head + b"\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
                     head + b"\r\nContent-Length: -1\r\n\r\n", head + b"\r\nContent-Length: 99999999999999999999\r\n\r\n",
                     head + b"\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
                     head + b"\r\nX: " + b"a" * 100000 + b"\r\n\r\n",
                     head + b"\r\n" + b"X: y\r\n" * 5000 + b"\r\n"):
            with self.subTest(data=data[:60]):
                try:
                    answer = self.raw_exchange(data)
                except (ConnectionError, TimeoutError):
                    answer = b""
                self.assertFalse(answer.startswith(b"HTTP/1.1 2"), answer[:200])
                self.assertEqual(answer.count(b"HTTP/1.1 "), 1 if answer else 0, answer[:300])
        self.assertEqual(self.server.call("GET", "/healthz", token=None).status, 200)

    def tearDown(self):
        self.assertIsNone(self.server.process.poll(), "the server is still there")
        self.assertEqual(self.server.call("GET", "/healthz", token=None).status, 200)
        self.seal(self.server, self.token, b"still serves")


if __name__ == "__main__":
    harness.main()
