"""Cases for the comparison of clients: options that may run natively, and what is so odd that they must not."""

from client_oracle import asks, case

for name, fields in {
    "host": {"Host": "other.example"},
    "length": {"Content-Length": "0"},
    "accept": {"accept": "text/html", "User-Agent": "me", "Accept-Encoding": "identity"},
    "bytes": {"X-A": b"1"},
    "number": {"X-A": 1},
    "break": {"X-A": "1\r\nX-B: 2"},
    "tab": {"X-A": "a\tb"},
    "unicode": {"X-A": "ü"},
    "twice": {"X-A": "1", "x-a": "2"},
    "pairs": [("X-A", "1"), ("X-B", "2"), ("X-A", "3")],
    "authorization": {"authorization": "Bearer x"},
    "cookie": {"Cookie": "a=1; b=2"},
    "empty": {"X-A": ""},
    "text": "X-A",
}.items():
    asks(f"given_{name}", "GET", "/echo", headers=fields)
    asks(f"given_{name}_with_body", "POST", "/echo", json=[1], headers=fields)
    asks(f"given_{name}_over_own", "GET", "/echo", session={"headers": {"X-A": "9", "X-Z": "8"}}, headers=fields)
asks("given_close", "GET", "/echo", headers={"Connection": "close"})
asks("given_type", "POST", "/echo", json={"a": 1}, headers={"content-type": "application/ld+json"})
asks("expectation_without_body", "GET", "/echo", expect100=True)
asks("expectation_and_redirect", "POST", "/to/303", data=b"abc", expect100=True)
asks("given_and_redirect", "GET", "/to/302", headers={"X-A": "1", "Authorization": "mine"})
asks("json_and_data", "POST", "/echo", json={"a": 1}, data=b"a")
asks("json_and_params", "PUT", "/echo", json={"a": 1}, params={"b": 2})
asks("data_of_text", "POST", "/echo", data="grün")
asks("data_of_no_text", "POST", "/echo", data="")
asks("data_of_half_a_pair", "POST", "/echo", data="\ud800")
asks("form_of_texts", "POST", "/echo", data={"a b": "c&d=ü~*", "": ""})
asks("form_of_numbers", "POST", "/echo", data={"a": 1})
asks("form_with_break", "POST", "/echo", data={"a\nb": "c"})
asks("timeout_of_seconds", "GET", "/echo", timeout=2)
asks("timeout_given", "GET", "/echo", timeout=lambda http: http.ClientTimeout(total=2.5, connect=1))
asks("raises_if_told", "GET", "/status/404", raise_for_status=True)
asks("stays", "GET", "/to/302", allow_redirects=False)
asks("one_redirect", "GET", "/to/302", max_redirects=1)
asks("all_of_nothing", "POST", "/echo", params=None, headers=None, data=None, json=None, timeout=None, ssl=None)
asks("large_bytes", "POST", "/raw/plain", data=b"x" * (2**20 + 1))
asks("large_json", "POST", "/raw/plain", json="x" * 2**20)
asks("not_that_large", "POST", "/raw/plain", data=b"x" * 2**20)


@case
async def own_buffers(http, session, at):
    limits = []
    async with http.ClientSession(read_bufsize=1000) as own:
        for options in ({}, {}, {"read_bufsize": 7}):
            async with own.get(at.url("/raw/plain"), **options) as response:
                limits.append(response.content.get_read_buffer_limits())
    return limits
