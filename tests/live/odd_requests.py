"""Hypothesis strategies for requests that no browser would send; each request is unusual in up to two ways.

The values include every request limit in NGINX, uWSGI and Django, and the first value beyond each limit.
"""

from hypothesis import strategies as st

#: Around NGINX's limit of 8 KiB per line and Django's limit of 2,048 characters for a redirect URL.
LENGTHS = st.sampled_from([0, 1, 63, 255, 256, 1023, 1024, 2047, 2048, 2049, 4096, 8150, 8190, 8191, 8192, 8193])
#: Around the 256 KiB body limit in NGINX and Django, and the 64 KiB that uWSGI buffers in memory.
SIZES = st.sampled_from([0, 1, 100, 65_535, 65_536, 65_537, 262_143, 262_144, 262_145, 300_000])
#: Around Django's limit of 500 fields per form.
FIELDS = st.sampled_from([1, 2, 499, 500, 501, 1000])
#: Numbers of headers around uWSGI's old and new limits, and around the size of NGINX's buffers.
MANY = st.sampled_from([64, 111, 112, 128, 129, 250, 900, 999, 1000, 1001, 3000])

TOKEN = b"a" * 32
CSRF = b"Cookie: pomar_csrf=%s; csrftoken=%s\r\nOrigin: https://localhost" % (TOKEN, TOKEN)
FORM, MULTIPART = b"application/x-www-form-urlencoded", b"multipart/form-data; boundary=x"
#: The names of all fields in the shop's forms.
FIELD_NAMES = b"quantity product name email street postal_code city token username password next".split()

METHODS = st.sampled_from(
    [*b"PUT DELETE OPTIONS TRACE CONNECT PATCH get FOO M-SEARCH".split(), b"G\0T", b"A" * 300, b""]
)
PLACES = st.sampled_from(
    b"/ /category/apples/ /product/gala-apples/ /product/gala-apples/add/ /search/ /cart/ /cart /cart/update/ "
    b"/cart/remove/ /checkout/ /orders/x/ /orders/00000000-0000-0000-0000-000000000000/ /health/live /health/ready "
    b"/static/ /static/shop/pomar.css /nowhere /admin/ /admin/login/ /admin/logout/ /admin/jsi18n/ /admin/r/1/1/ "
    b"/admin/auth/user/1/change/ /metrics /nginx/status".split()
)
TARGETS = st.sampled_from(
    b"* // /../../etc/passwd http://localhost/ https://evil.example/ localhost:443 /./ \\".split()
)
PIECES = st.sampled_from(
    [
        *rb"""%00 %ff %ED%A0%80 %C0%AF %0d%0aX:y %2e%2e/ ../ ./ // %2F % %zz %u0041 \ ' " < {{ %F0%9F%8D%90 ; ? # & = +
        ~ : @ $(x) ${x} %25%30%30""".split(),
        *(b"\xff", b"\x7f", b"\x01", b"\xc3\xa9", b"\xe2\x80\xae", b"\t", b"\0", b" "),
    ]
)
CONTENT_TYPES = st.sampled_from(
    [
        *(b"multipart/form-data", b"multipart/form-data; boundary=x; charset=hex", b"multipart/mixed; boundary=x", b""),
        *(b"a/b;charset=hex", b"a/b; foo*=bogus''%41", FORM + b"; charset=iso-8859-1", FORM + b";charset=utf-7", b";"),
        *(b"multipart/form-data; boundary=" + b"x" * 300, b"multipart/form-data; boundary*0=x; boundary*1=y", b'"'),
        *(b"text/plain; charset=\xff", b"\xff\xfe", b"application/json"),
    ]
)
COOKIES = st.sampled_from(
    [
        *(
            b"pomar_session=" + TOKEN,
            b"sessionid=" + TOKEN,
            b'pomar_session="\\000"',
            b"pomar_session=\xff",
            b"a" * 4096,
        ),
        *(
            b'messages="\\000[[x]]"',
            b"messages=W10:x:y",
            b"=;;==;a",
            b'x="\\',
            b"pomar_csrf=\1",
            b"$Version=1",
            b"\xff=\xff",
        ),
    ]
)
NAMES = st.sampled_from(
    b"Accept Accept-Language Accept-Encoding Referer Origin User-Agent Range If-Range If-Modified-Since If-None-Match "
    b"X-Forwarded-For X-Forwarded-Proto X-Forwarded-Host Proxy Forwarded X-Real-IP X-Requested-With Upgrade TE Trailer "
    b"X-HTTP-Method-Override Via Script-Name Script_Name Path-Info Content_Type Content-Encoding Authorization Depth "
    b"X-Lab-Token X-Lab-Fault X-Lab-Run X-CSRFToken Sec-Fetch-Site Cookie2 HTTP-X UWSGI_FILE Expect Connection Host "
    b"Date Max-Forwards Keep-Alive Cache-Control Content-Length Transfer-Encoding a".split()
)
WORDS = st.sampled_from(
    [
        *b"bytes=0- bytes=-1 bytes=9999999999- close keep-alive h2c XMLHttpRequest evil.example localhost".split(),
        *b"https://localhost 100-continue chunked gzip 0 -1 99999999999999999999 sleep=30".split(),
        *(b"bytes=" + b"0-1," * 200 + b"2-3", b"*/*;q=" + b"9" * 400, b"Thu, 99 Foo 0000 00:00:00 GMT", b""),
    ]
)
HOSTS = st.sampled_from(
    [*b"evil.example localhost:1 [::1] localhost. LOCALHOST 127.0.0.1 a,b".split(), b"", b"a b", b"\xff"]
)
VERSIONS = st.sampled_from([b" HTTP/1.0", b"", b" HTTP/2.0", b" HTTP/1.2", b" HTTP/9.9", b" JUNK", b"  HTTP/1.1"])
FRAMINGS = st.sampled_from(["chunked", "short", "long", "both", "bad chunk", "none", "twice", "negative", "gzip"])
WAYS = ("method", "target", "path", "query", "version", "host", "type", "cookie", "headers", "many", "framing", "body")


def filled(length: int, piece: bytes) -> bytes:
    """Return exactly ``length`` bytes of ``piece``, repeated."""
    return (piece * (length // len(piece) + 1))[:length]


ODD = st.builds(b"".join, st.lists(PIECES, min_size=1, max_size=4)) | st.builds(filled, LENGTHS, PIECES | st.just(b"x"))


def form(fields: int, value: bytes) -> bytes:
    """Return a form that passes the CSRF check."""
    names = (FIELD_NAMES[number % len(FIELD_NAMES)] for number in range(fields))
    return b"&".join([b"csrfmiddlewaretoken=" + TOKEN, *(name + b"=" + value[:200] for name in names)])


def multipart(fields: int, value: bytes) -> bytes:
    """Return a multipart form that passes the CSRF check; its parts have unusual headers."""
    head = b"Content-Disposition: form-data; name=\"%s\"; filename*=bogus''%%41\r\nContent-Type: a/b; charset=hex\r\n"
    token = b'--x\r\nContent-Disposition: form-data; name="csrfmiddlewaretoken"\r\n\r\n%s\r\n' % TOKEN
    parts = ((b"--x\r\n" + head + b"\r\n%s\r\n") % (b"f%d" % number, value[:50]) for number in range(fields))
    return token + b"".join(parts) + b"--x--\r\n"


BODIES = (
    st.builds(form, FIELDS, ODD) | st.builds(multipart, FIELDS, ODD) | st.builds(filled, SIZES, PIECES | st.just(b"a&"))
)

HEADERS = st.lists(st.tuples(NAMES, WORDS | ODD), min_size=1, max_size=4)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """Build the bytes of one request."""
    odd = draw(st.sets(st.sampled_from(WAYS), max_size=2))

    def one(way: str, ordinary: st.SearchStrategy, strange: st.SearchStrategy):
        return draw(strange if way in odd else ordinary)

    method = one("method", st.sampled_from([b"GET", b"GET", b"POST", b"POST", b"HEAD"]), METHODS)
    posts = method == b"POST"
    body = one("body", st.just(form(4, b"1")) if posts else st.just(b""), BODIES)
    path = one("target", PLACES, TARGETS) + one("path", st.just(b""), ODD)
    query = one(
        "query", st.sampled_from([b"", b"?q=apple"]), st.builds(b"?%s=%s".__mod__, st.tuples(PIECES | NAMES, ODD))
    )
    lines = [
        b"%s %s%s%s" % (method, path, query, one("version", st.just(b" HTTP/1.1"), VERSIONS)),
        b"Host: " + one("host", st.just(b"localhost"), HOSTS),
        *([CSRF] if posts else []),
        *(
            [b"Content-Type: " + one("type", st.sampled_from([FORM, MULTIPART]), CONTENT_TYPES)]
            if posts or "type" in odd
            else []
        ),
        *([b"Cookie: " + draw(COOKIES)] if "cookie" in odd else []),
        *(name + b": " + value for name, value in one("headers", st.just([]), HEADERS)),
        *(b"a%d: 1" % number for number in range(one("many", st.just(0), MANY))),
        *framed(one("framing", st.just("length") if body else st.just("none"), FRAMINGS), body),
    ]
    return b"\r\n".join(lines)


def framed(framing: str, body: bytes) -> list[bytes]:
    """Return the last lines of a request: the headers that frame the body, ``Connection: close``, and the body."""
    size = len(body)
    lengths = {"length": [size], "short": [size // 2], "long": [size + 1], "both": [size], "twice": [size, size + 1]}
    lines = [b"Content-Length: %d" % length for length in (lengths | {"negative": [-1]}).get(framing, [])]
    if framing in ("chunked", "both", "bad chunk"):
        lines.append(b"Transfer-Encoding: chunked")
        body = (b"zz" if framing == "bad chunk" else b"%x" % size) + b"\r\n" + body + b"\r\n0\r\n\r\n"
    if framing == "gzip":
        lines.append(b"Transfer-Encoding: gzip")
    return [*lines, b"Connection: close", b"", body]
