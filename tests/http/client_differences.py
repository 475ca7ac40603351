"""What ferrio.http does otherwise than aiohttp on purpose: cases of the comparison, each with its reason.

A case that is no different any more fails, so that it is taken out. docs/guides/http-client.md tells users.
"""

KNOWN = {
    "method_empty": "a method is a token: aiohttp sends a request without one",
    "fields_chunked_by_hand": "aiohttp says that the body is chunked, and sends it as it is, which no server can read",
    "cookies_control": "an answer with a control byte in a field is refused (RFC 9110, 5.5)",
    "raw_deflate-cut": "a body without its end is a ClientPayloadError; aiohttp says ClientResponseError",
    "raw_gzip-rubbish": "what follows a whole body is ignored, as by browsers; aiohttp loses the body",
    "broken_bad-chunk": "the body alone is wrong: a ClientPayloadError; aiohttp's depends on the packets",
    "broken_long-header": "a head is bounded as a whole, by 1 MiB; aiohttp bounds each field by 8 KiB",
    "broken_too-much": "what follows a whole answer costs its connection alone; aiohttp loses the answer, too",
    "ws_broken_masked": "a server must not mask (RFC 6455, 5.1); aiohttp takes it",
}
