"""The console's files as the real binary serves them, whatever is embedded in it, and the headers of every answer."""
import gzip
import re
import subprocess

import harness

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


class Pages(harness.Case):
    def get(self, server, path, **headers):
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return server.call("GET", path, token=None, headers=sent)

    def test_pages_assets_and_what_is_neither(self):
        server = self.start()
        index = self.get(server, "/")
        self.assertEqual(index.status, 200)
        self.assertEqual(index.headers["Content-Type"], "text/html; charset=utf-8")
        self.assertEqual(index.headers["Cache-Control"], "no-cache")
        self.assertIn("default-src 'none'; script-src 'self'; style-src 'self'", index.headers["Content-Security-Policy"])
        self.assertNotIn("unsafe", index.headers["Content-Security-Policy"])
        for path in ["/signin", "/settings", "/settings/tenant-encryption", "/events", "/tenants?x=1"]:
            self.assertEqual(server.call("GET", path, token=None, headers=HTML).raw, index.raw, path)
        for path in ["/api/v1/nothing", "/api", "/assets/gone-12345678.js", "/assets/../index.html"]:
            answer = server.call("GET", path, token=None, headers=HTML)
            self.assertEqual((answer.status, answer.headers["Content-Type"]), (404, "application/json"), path)
        self.assertEqual(self.get(server, "/signin").status, 404, "who asks for no HTML gets none")

        links = set(re.findall(r'(?:src|href)="(/[^"]+)"', index.raw.decode())) - {"/openapi.json"}
        for path in links:
            asset = self.get(server, path)
            self.assertEqual(asset.status, 200, path)
            if path.startswith("/assets/"):
                self.assertIn("immutable", asset.headers["Cache-Control"], path)
            packed = self.get(server, path, Accept_Encoding="gzip")
            if packed.headers["Content-Encoding"] == "gzip":
                self.assertEqual(gzip.decompress(packed.raw), asset.raw, path)
                self.assertNotEqual(packed.headers["ETag"], asset.headers["ETag"], path)
            self.assertEqual(packed.headers["Vary"], "Accept-Encoding", path)

    def test_nothing_is_sent_twice(self):
        server = self.start()
        index = self.get(server, "/")
        again = self.get(server, "/", If_None_Match=index.headers["ETag"])
        self.assertEqual((again.status, again.raw), (304, b""))
        self.assertEqual(again.headers["ETag"], index.headers["ETag"])
        head = server.call("HEAD", "/", token=None)
        self.assertEqual((head.status, head.raw), (200, b""))
        self.assertEqual(int(head.headers["Content-Length"]), len(index.raw))

    def test_every_answer_of_the_api_is_for_nobodys_cache(self):
        server = self.start()
        tenant = self.tenant(server)
        answers = [server.call("GET", "/healthz", token=None), server.call("GET", harness.API + "/tenants"),
                   server.call("GET", f"{harness.API}/tenants/{tenant}", token="wrong"),
                   server.call("GET", harness.API + "/nothing"), server.call("GET", "/openapi.json", token=None)]
        self.assertEqual([answer.status for answer in answers], [200, 200, 401, 404, 200])
        for answer in answers:
            self.assertEqual(answer.headers.get_all("Cache-Control"), ["no-store"])
            self.assertEqual(answer.headers.get_all("X-Content-Type-Options"), ["nosniff"])
            self.assertIsNone(answer.headers["Strict-Transport-Security"])

    def test_over_tls_browsers_are_told_to_stay_there(self):
        key, certificate = self.directory / "key.pem", self.directory / "cert.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
                        "-keyout", key, "-out", certificate], check=True, capture_output=True)
        server = self.start(arguments=["--tls-cert", str(certificate), "--tls-key", str(key)], tls=str(certificate))
        for path in ["/", "/healthz", "/api/v1/tenants"]:
            answer = server.call("GET", path, token=None)
            self.assertEqual(answer.headers["Strict-Transport-Security"], "max-age=31536000", path)


if __name__ == "__main__":
    harness.main()
