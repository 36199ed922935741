/* SPDX-License-Identifier: Apache-2.0 */
/* cases: what HTTP/1 peers send that readers disagree about, as bytes and with the outcome that is due. Numbers follow the
 * reference's list; those with a W are our own. Tests read the table at codec level, cases_json.c writes it down for the
 * tests that use a real socket. Included once a program: it holds the table itself. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct http1_case {
	const char *id;
	const char *name;
	const char *bytes; /* then fill times times, then tail */
	size_t len;
	const char *fill;
	unsigned times;
	const char *tail;
	unsigned status;   /* 0: every message is accepted; else what the one that is not gets (502 for answers) */
	unsigned messages; /* requests accepted before; of answers always 1 or 0 */
	bool close;        /* the connection is not used again */
	const char *body;  /* of the first message accepted; NULL: not looked at */
	bool head;         /* an answer to HEAD */
	unsigned interims; /* answers: 1xx passed over */
};

#define ON_HOST "Host: weir.test\r\n"
#define GET "GET /v1/models HTTP/1.1\r\n" ON_HOST
#define POST "POST /v1/moderations HTTP/1.1\r\n" ON_HOST "Content-Type: application/json\r\n"
#define GOOD GET "\r\n"
#define JSON "{\"input\":1}" /* 11 bytes */
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"
#define LAST "0\r\n\r\n"

#define BYTES(literal) .bytes = (literal), .len = sizeof(literal) - 1
#define REFUSED(i, n, s, b) {.id = (i), .name = (n), BYTES(b), .status = (s), .close = true}
#define BAD(i, n, b) REFUSED(i, n, 400, b)
#define TAKEN(i, n, m, c, text, b) {.id = (i), .name = (n), BYTES(b), .messages = (m), .close = (c), .body = (text)}
#define LONG(i, n, s, m, b, f, t, end)                                                             \
	{.id = (i), .name = (n), BYTES(b), .fill = (f), .times = (t), .tail = (end), .status = (s),\
		.messages = (m), .close = (s) != 0}

/* clang-format off */
static const struct http1_case http1_requests[] = {
	TAKEN("W01", "plain GET", 1, false, "", GOOD),
	TAKEN("W02", "plain POST", 1, false, JSON, POST "Content-Length: 11\r\n\r\n" JSON),
	TAKEN("W03", "two in a row", 2, false, JSON, POST "Content-Length: 11\r\n\r\n" JSON GOOD),
	BAD("S01", "CL+TE", POST "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n" LAST "G" GOOD),
	BAD("S02", "TE+CL", POST "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n" LAST "G" GOOD),
	BAD("S03", "dup CL differ", POST "Content-Length: 11\r\nContent-Length: 12\r\n\r\n" JSON),
	BAD("S04", "dup CL same", POST "Content-Length: 11\r\nContent-Length: 11\r\n\r\n" JSON),
	BAD("S05", "CL list same", POST "Content-Length: 11, 11\r\n\r\n" JSON),
	BAD("S06", "CL list differ", POST "Content-Length: 11, 12\r\n\r\n" JSON),
	BAD("S07", "CL 0x10", POST "Content-Length: 0x10\r\n\r\n" JSON "12345"),
	BAD("S08", "CL +11", POST "Content-Length: +11\r\n\r\n" JSON),
	TAKEN("S09", "CL 010 octal", 1, false, "{\"inp\": 1}", POST "Content-Length: 010\r\n\r\n{\"inp\": 1}"),
	BAD("S10", "CL -48", POST "Content-Length: -48\r\n\r\n" JSON),
	BAD("S11", "CL with a blank inside", POST "Content-Length: 1 1\r\n\r\n" JSON),
	BAD("S12", "CL 1Z", POST "Content-Length: 1Z\r\n\r\n" JSON),
	BAD("S13", "CL empty", POST "Content-Length:\r\n\r\n" JSON),
	BAD("S14", "CL overflow 2^64+1", POST "Content-Length: 18446744073709551617\r\n\r\n" JSON),
	BAD("S15", "CL of 20 digits", POST "Content-Length: 00000000000000000011\r\n\r\n" JSON),
	BAD("S16", "CL SP before colon", POST "Content-Length : 11\r\n\r\n" JSON),
	BAD("S17", "TE SP before colon", POST "Transfer-Encoding : chunked\r\n\r\n" LAST),
	BAD("S18", "CL no colon", POST "Content-Length 11\r\n\r\n" JSON),
	BAD("S19", "CL HTAB before colon", POST "Content-Length\t: 11\r\n\r\n" JSON),
	BAD("S20", "first field begins with a blank", "GET /v1/models HTTP/1.1\r\n Host: weir.test\r\n\r\n"),
	BAD("S21", "obs-fold plain", GET "X-A: b\r\n c\r\n\r\n"),
	BAD("S22", "obs-fold TE", POST "Transfer-Encoding:\r\n chunked\r\n\r\n" LAST),
	BAD("S23", "TE ,chunked", POST "Transfer-Encoding: ,chunked\r\n\r\n" LAST),
	BAD("S24", "TE chunked,", POST "Transfer-Encoding: chunked,\r\n\r\n" LAST),
	BAD("S25", "TE chunked,identity", POST "Transfer-Encoding: chunked, identity\r\n\r\n" LAST),
	BAD("S26", "TE identity", POST "Transfer-Encoding: identity\r\n\r\n" LAST),
	BAD("S27", "TE gzip,chunked", POST "Transfer-Encoding: gzip, chunked\r\n\r\n" LAST),
	BAD("S28", "TE xchunked", POST "Transfer-Encoding: xchunked\r\n\r\n" LAST),
	TAKEN("S29", "TE CHUNKED case", 1, false, JSON, POST "Transfer-Encoding: CHUNKED\r\n\r\nb\r\n" JSON "\r\n" LAST),
	BAD("S30", "TE \\xa0chunked", POST "Transfer-Encoding: \xa0""chunked\r\n\r\n" LAST),
	BAD("S31", "TE \\x0bchunked", POST "Transfer-Encoding: \x0b""chunked\r\n\r\n" LAST),
	BAD("S32", "TE quoted", POST "Transfer-Encoding: \"chunked\"\r\n\r\n" LAST),
	BAD("S33", "TE chunked;x=1", POST "Transfer-Encoding: chunked;x=1\r\n\r\n" LAST),
	BAD("S34", "TE empty + CL", POST "Transfer-Encoding:\r\nContent-Length: 11\r\n\r\n" JSON),
	BAD("S35", "TE on HTTP/1.0", "POST /v1/moderations HTTP/1.0\r\n" ON_HOST "Transfer-Encoding: chunked\r\n\r\n" LAST),
	BAD("S36", "Transfer_Encoding", POST "Transfer_Encoding: chunked\r\n\r\n" LAST),
	BAD("S37", "chunk 0x5", CHUNKED "0x5\r\nhello\r\n" LAST),
	BAD("S38", "chunk -0", CHUNKED "-0\r\n\r\n"),
	BAD("S39", "chunk +5", CHUNKED "+5\r\nhello\r\n" LAST),
	BAD("S40", "chunk leading SP", CHUNKED " 5\r\nhello\r\n" LAST),
	BAD("S41", "chunk trailing SP", CHUNKED "5 \r\nhello\r\n" LAST),
	BAD("S42", "chunk size empty", CHUNKED "\r\nhello\r\n" LAST),
	BAD("S43", "chunk LF only", CHUNKED "5\nhello\r\n" LAST),
	BAD("S44", "chunk CR only", CHUNKED "5\rhello\r\n" LAST),
	BAD("S45", "chunk data no CRLF", CHUNKED "5\r\nhello" LAST),
	BAD("S46", "chunk data LF only", CHUNKED "5\r\nhello\n" LAST),
	BAD("S47", "chunk ext LF (TERM.EXT)", CHUNKED "5;\nhello\r\n" LAST),
	BAD("S48", "chunk ext bare CR", CHUNKED "5;a\rb\r\nhello\r\n" LAST),
	BAD("S49", "chunk ext quoted LF", CHUNKED "5;a=\"\n\"\r\nhello\r\n" LAST),
	TAKEN("S50", "chunk ext valid", 1, false, JSON, CHUNKED "b;a;b=c;d=\"e\\\" f\"\r\n" JSON "\r\n" LAST),
	BAD("S51", "chunk size of 17 digits", CHUNKED "10000000000000005\r\nhello\r\n" LAST),
	BAD("S52", "chunk many zeros", CHUNKED "00000000000000000005\r\nhello\r\n" LAST),
	TAKEN("S53", "trailer Authorization, dropped", 1, false, JSON, CHUNKED "b\r\n" JSON "\r\n0\r\nAuthorization: Bearer x\r\nX-Weir-User: root\r\n\r\n"),
	BAD("S54", "trailer CL", CHUNKED "b\r\n" JSON "\r\n0\r\nContent-Length: 5\r\n\r\n"),
	BAD("S55", "trailer without a colon", CHUNKED "b\r\n" JSON "\r\n0\r\nGET / HTTP/1.1\r\n\r\n"),
	BAD("S56", "bare CR hdr value", GET "X-A: b\rc\r\n\r\n"),
	BAD("S57", "CR only lines", "GET /v1/models HTTP/1.1\rHost: weir.test\r\r"),
	BAD("S58", "bare LF lines", "GET /v1/models HTTP/1.1\nHost: weir.test\n\n"),
	BAD("S59", "NUL hdr value", GET "X-A: b\0c\r\n\r\n"),
	BAD("S60", "bare LF ends one line", GET "X-A: b\nX-B: c\r\n\r\n"),
	BAD("S61", "no Host", "GET /v1/models HTTP/1.1\r\nX-A: b\r\n\r\n"),
	BAD("S62", "two Hosts", GET ON_HOST "\r\n"),
	BAD("S63", "empty Host", "GET /v1/models HTTP/1.1\r\nHost:\r\n\r\n"),
	BAD("S64", "Host with userinfo", "GET /v1/models HTTP/1.1\r\nHost: u@weir.test\r\n\r\n"),
	REFUSED("S65", "absolute-form diff Host", 421, "GET http://b/v1/models HTTP/1.1\r\n" ON_HOST "\r\n"),
	TAKEN("S66", "absolute-form same Host", 1, false, "", "GET http://WEIR.test:80/v1/models HTTP/1.1\r\n" ON_HOST "\r\n"),
	BAD("S67", "asterisk GET", "GET * HTTP/1.1\r\n" ON_HOST "\r\n"),
	BAD("S68", "asterisk OPTIONS", "OPTIONS * HTTP/1.1\r\n" ON_HOST "\r\n"),
	BAD("S69", "8bit in URI", "GET /v1/\xe9 HTTP/1.1\r\n" ON_HOST "\r\n"),
	BAD("S70", "space in URI", "GET /v1/mo dels HTTP/1.1\r\n" ON_HOST "\r\n"),
	BAD("S71", "HTAB instead of SP", "GET\t/v1/models\tHTTP/1.1\r\n" ON_HOST "\r\n"),
	TAKEN("S72", "double SP", 1, false, "", "GET  /v1/models HTTP/1.1\r\n" ON_HOST "\r\n"),
	BAD("S73", "HTTP/1.10", "GET /v1/models HTTP/1.10\r\n" ON_HOST "\r\n"),
	REFUSED("S74", "HTTP/1.2", 505, "GET /v1/models HTTP/1.2\r\n" ON_HOST "\r\n"),
	REFUSED("S75", "HTTP/2.0", 505, "GET /v1/models HTTP/2.0\r\n" ON_HOST "\r\n"),
	REFUSED("S76", "HTTP/0.9 explicit", 505, "GET /v1/models HTTP/0.9\r\n" ON_HOST "\r\n"),
	BAD("S77", "no version", "GET /v1/models\r\n" ON_HOST "\r\n"),
	BAD("S78", "ICE", "SOURCE /v1/models ICE/1.0\r\n" ON_HOST "\r\n"),
	BAD("S79", "RTSP", "OPTIONS /v1/models RTSP/1.0\r\n" ON_HOST "\r\n"),
	BAD("S80", "method in small letters", "get /v1/models HTTP/1.1\r\n" ON_HOST "\r\n"),
	REFUSED("S81", "CONNECT", 405, "CONNECT weir.test:443 HTTP/1.1\r\n" ON_HOST "\r\n" GOOD),
	REFUSED("S82", "TRACE", 405, "TRACE /v1/models HTTP/1.1\r\n" ON_HOST "\r\n"),
	TAKEN("S83", "Upgrade h2c", 1, true, "", GET "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" GOOD),
	REFUSED("S84", "Upgrade websocket", 426, GET "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n" GOOD),
	TAKEN("S85", "GET with body CL", 2, false, "hello", GET "Content-Length: 5\r\n\r\nhello" GOOD),
	TAKEN("S86", "GET with body CL, then two", 3, false, "hello", GET "Content-Length: 5\r\n\r\nhello" GOOD GOOD),
	TAKEN("S87", "data after close", 1, true, "", GET "Connection: close\r\n\r\n" GOOD),
	TAKEN("S88", "HTTP/1.0 without keep-alive", 1, true, "", "GET /v1/models HTTP/1.0\r\n" ON_HOST "\r\n" GOOD),
	BAD("S89", "leading garbage nul", "\0" GOOD),
	BAD("S90", "hdr name empty", GET ": b\r\n\r\n"),
	BAD("S91", "hdr name 8bit", GET "X-\xe9: b\r\n\r\n"),
	BAD("S92", "hdr name delim", GET "X(A): b\r\n\r\n"),
	BAD("S93", "hdr name NUL", GET "X\0A: b\r\n\r\n"),
	BAD("S94", "obs-text value", GET "X-A: caf\xe9\r\n\r\n"),
	TAKEN("S95", "Expect 100-continue", 1, false, JSON, POST "Expect: 100-Continue\r\nContent-Length: 11\r\n\r\n" JSON),
	REFUSED("S96", "Expect weird", 417, POST "Expect: 200-ok\r\nContent-Length: 11\r\n\r\n" JSON),
	BAD("S97", "Connection names Host", GET "Connection: close, Host\r\n\r\n"),
	BAD("S98", "TE dup w/ CL in Connection", POST "Connection: Content-Length\r\nContent-Length: 11\r\n\r\n" JSON),
	BAD("S99", "Connection names X-Weir-User", GET "Connection: X-Weir-User\r\nX-Weir-User: a\r\n\r\n"),
	BAD("T01", "TE empty then CL, small letters", POST "transfer-encoding: \r\ncontent-length: 11\r\n\r\n" JSON),
	BAD("T02", "CL then TE empty", POST "Content-Length: 11\r\nTransfer-Encoding:\r\n\r\n" JSON),
	BAD("T03", "CL 0 then TE chunked", POST "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n" LAST),
	BAD("T04", "TE empty only", POST "Transfer-Encoding:\r\n\r\n" LAST),
	BAD("T05", "TE chunked twice", POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" LAST),
	BAD("T06", "TE empty + TE chunked", POST "Transfer-Encoding:\r\nTransfer-Encoding: chunked\r\n\r\n" LAST),
	BAD("T07", "TE chunked,chunked", POST "Transfer-Encoding: chunked, chunked\r\n\r\n" LAST),
	BAD("T08", "TE chunked + TE foo", POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: foo\r\n\r\n" LAST),
	BAD("T09", "TE foo + TE chunked", POST "Transfer-Encoding: foo\r\nTransfer-Encoding: chunked\r\n\r\n" LAST),
	TAKEN("T10", "TE chunked leading HTAB", 1, false, JSON, POST "Transfer-Encoding:\tchunked\r\n\r\nB\r\n" JSON "\r\n" LAST),
	TAKEN("T11", "TE chunked trailing sp", 1, false, JSON, POST "Transfer-Encoding: chunked \r\n\r\nb\r\n" JSON "\r\n" LAST),
	BAD("T12", "TE identity + CL", POST "Transfer-Encoding: identity\r\nContent-Length: 11\r\n\r\n" JSON),
	TAKEN("T13", "GET no body TE", 1, false, "", GET "Transfer-Encoding: chunked\r\n\r\n" LAST),
	TAKEN("T14", "TE on GET, then another", 2, false, "hello", GET "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n" LAST GOOD),
	TAKEN("T15", "Connection: Upgrade only", 2, false, "", GET "Connection: Upgrade\r\n\r\n" GOOD),
	TAKEN("T16", "Connection names X-A", 2, false, "", GET "Connection: X-A\r\nX-A: b\r\n\r\n" GOOD),
	TAKEN("T17", "Proxy-Connection", 1, true, "", GET "Proxy-Connection: close\r\n\r\n" GOOD),
	TAKEN("T18", "HTTP/1.0 keep-alive", 2, false, "", "GET /v1/models HTTP/1.0\r\n" ON_HOST "Connection: keep-alive\r\n\r\n" GOOD),
	BAD("T19", "backslash path", "GET /v1\\models HTTP/1.1\r\n" ON_HOST "\r\n"),
	BAD("T20", "path ;", "GET /v1/models;a=b HTTP/1.1\r\n" ON_HOST "\r\n"),
	BAD("T21", "fragment", "GET /v1/models#x HTTP/1.1\r\n" ON_HOST "\r\n"),
	BAD("T22", "abs https userinfo", "GET https://u:p@weir.test/v1/models HTTP/1.1\r\n" ON_HOST "\r\n"),
	BAD("T23", "dot segments", "GET /v1/x/../models HTTP/1.1\r\n" ON_HOST "\r\n"),
	BAD("T24", "//host path", "GET //b/v1/models HTTP/1.1\r\n" ON_HOST "\r\n"),
	BAD("T25", "%2f in path", "GET /v1%2Fmodels HTTP/1.1\r\n" ON_HOST "\r\n"),
	BAD("T26", "SP after version", "GET /v1/models HTTP/1.1 \r\n" ON_HOST "\r\n"),
	BAD("T27", "%00 in path", "GET /v1/models%00 HTTP/1.1\r\n" ON_HOST "\r\n"),
	BAD("T28", "TE empty alone, 2nd request as body", POST "Transfer-Encoding:\r\n\r\n" GOOD),
	LONG("B1", "chunk-ext 30KB", 400, 0, CHUNKED "5;", "a", 30720, "\r\nhello\r\n" LAST),
	LONG("B2", "chunk-ext 900 B, 30 chunks", 400, 0, CHUNKED, "1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n", 120, LAST),
	LONG("B3", "30KB header", 431, 0, GET "X-A: ", "b", 30720, "\r\n\r\n"),
	LONG("B4", "500 headers", 431, 0, GET, "X-A: b\r\n", 500, "\r\n"),
	LONG("B5", "2000 1-byte chunks", 0, 1, CHUNKED, "1\r\nx\r\n", 2000, LAST),
	LONG("B6", "30KB URI", 414, 0, "GET /", "a", 30720, " HTTP/1.1\r\n" ON_HOST "\r\n"),
	LONG("B7", "leading CRLF x5000", 400, 0, "", "\r\n", 5000, GOOD),
	LONG("B8", "chunk size of 20000 zeros", 400, 0, CHUNKED, "0", 20000, "5\r\nhello\r\n" LAST),
	LONG("W10", "name of 129 bytes", 431, 0, GET, "a", 129, ": b\r\n\r\n"),
	LONG("W11", "fields of 40KB together", 431, 0, GET, "X-A: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\r\n", 90, "\r\n"),
	LONG("W12", "trailers of 5KB", 400, 0, CHUNKED "b\r\n" JSON "\r\n0\r\n", "X-A: bbbbbbbb\r\n", 400, "\r\n"),
	LONG("W13", "two leading CRLF", 0, 1, "", "\r\n", 2, GOOD),
	BAD("W14", "leading LF", "\n" GOOD),
	BAD("W15", "two Authorization", GET "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n"),
	BAD("W16", "Host list", "GET /v1/models HTTP/1.1\r\nHost: a, b\r\n\r\n"),
	BAD("W17", "Host port too large", "GET /v1/models HTTP/1.1\r\nHost: weir.test:65536\r\n\r\n"),
	TAKEN("W18", "Host IPv6", 1, false, "", "GET /v1/models HTTP/1.1\r\nHost: [::1]:4000\r\n\r\n"),
	BAD("W19", "Host IPv6 broken", "GET /v1/models HTTP/1.1\r\nHost: [::1\r\n\r\n"),
	BAD("W20", "absolute-form without Host", "GET http://weir.test/v1/models HTTP/1.1\r\n\r\n"),
	BAD("W21", "absolute-form of another scheme", "GET ftp://weir.test/v1/models HTTP/1.1\r\n" ON_HOST "\r\n"),
	TAKEN("W22", "query", 1, false, "", "GET /v1/models?beta=true&a[]=%20 HTTP/1.1\r\n" ON_HOST "\r\n"),
	BAD("W23", "%2e%2e in path", "GET /v1/%2e%2e/models HTTP/1.1\r\n" ON_HOST "\r\n"),
	BAD("W24", "double encoding", "GET /v1/%252e%252e/models HTTP/1.1\r\n" ON_HOST "\r\n"),
	BAD("W25", "overlong UTF-8 escape", "GET /v1/%c0%afmodels HTTP/1.1\r\n" ON_HOST "\r\n"),
	BAD("W26", "escape cut short", "GET /v1/models%4 HTTP/1.1\r\n" ON_HOST "\r\n"),
	BAD("W27", "authority-form GET", "GET weir.test:80 HTTP/1.1\r\n" ON_HOST "\r\n"),
	BAD("W28", "unknown method", "BREW /v1/models HTTP/1.1\r\n" ON_HOST "\r\n"),
	REFUSED("W29", "known but unserved method", 405, "PURGE /v1/models HTTP/1.1\r\n" ON_HOST "\r\n"),
	TAKEN("W30", "HTTP/1.0 without Host", 1, true, "", "GET /v1/models HTTP/1.0\r\n\r\n"),
	BAD("W31", "Connection is no list of names", GET "Connection: a b\r\n\r\n"),
	BAD("W32", "chunk ext bad blank", CHUNKED "5 ;a\r\nhello\r\n" LAST),
	BAD("W33", "chunk ext quote not closed", CHUNKED "5;a=\"b\r\nhello\r\n" LAST),
	BAD("W34", "trailer folded", CHUNKED "b\r\n" JSON "\r\n0\r\nX-A: b\r\n c\r\n\r\n"),
	BAD("W35", "trailer TE", CHUNKED "b\r\n" JSON "\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n"),
	BAD("W36", "chunk size over 2^63", CHUNKED "ffffffffffffffff\r\nhello\r\n" LAST),
	BAD("W37", "Connection names Mcp-Name", GET "Connection: Mcp-Name\r\nMcp-Name: a\r\n\r\n"),
	BAD("W38", "h2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
	BAD("W39", "TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
	BAD("W40", "CR LF CR Z", "GET /v1/models HTTP/1.1\r\n" ON_HOST "\r\rZGET /evil HTTP/1.1\r\n" ON_HOST "\r\n"),
};

#define OK "HTTP/1.1 200 OK\r\n"
#define TAKEN_AS(i, n, c, text, b) {.id = (i), .name = (n), BYTES(b), .messages = 1, .close = (c), .body = (text)}
#define TO_HEAD(i, n, c, b) {.id = (i), .name = (n), BYTES(b), .messages = 1, .close = (c), .body = "", .head = true}
#define AFTER(i, n, k, text, b) {.id = (i), .name = (n), BYTES(b), .messages = 1, .body = (text), .interims = (k)}
#define MALFORMED(i, n, b) {.id = (i), .name = (n), BYTES(b), .status = 502, .close = true}
#define FIVE OK "Content-Length: 5\r\n\r\nhello"

static const struct http1_case http1_answers[] = {
	TAKEN_AS("W50", "plain", false, "hello", FIVE),
	TAKEN_AS("W51", "chunked", false, "hello", OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n" LAST),
	TAKEN_AS("W52", "to the end", true, "hello", OK "\r\nhello"),
	TAKEN_AS("W53", "no reason phrase", false, "hello", "HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello"),
	TAKEN_AS("W54", "Connection: close", true, "hello", OK "Connection: close\r\nContent-Length: 5\r\n\r\nhello"),
	TAKEN_AS("W55", "HTTP/1.0", true, "hello", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
	TAKEN_AS("W56", "HTTP/1.0 keep-alive", false, "hello", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello"),
	MALFORMED("R01", "resp CL+TE", OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" LAST),
	MALFORMED("R02", "resp TE gzip final", OK "Transfer-Encoding: chunked, gzip\r\n\r\nhello"),
	MALFORMED("R03", "resp dup CL differ", OK "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"),
	MALFORMED("R04", "resp SP before colon", OK "Content-Length : 5\r\n\r\nhello"),
	MALFORMED("R05", "resp obs-fold", OK "X-A: b\r\n c\r\nContent-Length: 5\r\n\r\nhello"),
	MALFORMED("R06", "resp 4 digits status", "HTTP/1.1 2000 OK\r\nContent-Length: 5\r\n\r\nhello"),
	MALFORMED("R07", "resp 2 digits status", "HTTP/1.1 20 OK\r\nContent-Length: 5\r\n\r\nhello"),
	AFTER("R08", "resp 100 then 200", 1, "hello", "HTTP/1.1 100 Continue\r\n\r\n" FIVE),
	MALFORMED("R09", "resp 101 unasked", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n" FIVE),
	TAKEN_AS("R10", "resp 204 + CL", true, "", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello"),
	TAKEN_AS("R11", "resp 304 + CL", false, "", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"),
	TO_HEAD("R12", "resp HEAD + CL", false, OK "Content-Length: 5\r\n\r\n"),
	TAKEN_AS("R13", "resp extra after body", true, "hello", FIVE OK "Content-Length: 4\r\n\r\nevil"),
	MALFORMED("R14", "resp bare LF", "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello"),
	MALFORMED("R15", "resp garbage", "hello, world\r\n\r\n"),
	MALFORMED("R16", "resp bare CR", OK "X-A: b\rc\r\nContent-Length: 5\r\n\r\nhello"),
	MALFORMED("R17", "resp NUL", OK "X-A: b\0c\r\nContent-Length: 5\r\n\r\nhello"),
	MALFORMED("T30", "resp TE empty", OK "Transfer-Encoding:\r\n\r\nhello"),
	MALFORMED("T31", "resp TE identity", OK "Transfer-Encoding: identity\r\n\r\nhello"),
	MALFORMED("T32", "resp TE on HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n" LAST),
	MALFORMED("T33", "resp HTTP/0.9", "HTTP/0.9 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
	MALFORMED("T34", "resp HTTP/2.0", "HTTP/2.0 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
	MALFORMED("T35", "resp RTSP", "RTSP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
	MALFORMED("T36", "resp ICE", "ICE/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
	AFTER("T37", "resp 103 (2)", 2, "hello", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" FIVE),
	{.id = "T38", .name = "resp 103 x1000", BYTES(""), .fill = "HTTP/1.1 103 Early Hints\r\n\r\n", .times = 1000, .tail = FIVE, .status = 502, .close = true, .interims = 8},
	TAKEN_AS("T39", "resp upgrade 200", true, "hello", OK "Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\nhello" FIVE),
	MALFORMED("W60", "resp CL negative", OK "Content-Length: -5\r\n\r\nhello"),
	MALFORMED("W61", "resp CL list", OK "Content-Length: 5, 5\r\n\r\nhello"),
	MALFORMED("W62", "resp chunk size bad", OK "Transfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n" LAST),
	MALFORMED("W63", "resp chunk data over", OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello!\r\n" LAST),
	MALFORMED("W64", "resp status 600", "HTTP/1.1 600 Odd\r\nContent-Length: 5\r\n\r\nhello"),
	MALFORMED("W65", "resp leading CRLF", "\r\n" FIVE),
	TAKEN_AS("W66", "resp obs-text", false, "hello", OK "X-A: caf\xe9\r\nContent-Length: 5\r\n\r\nhello"),
	TAKEN_AS("W67", "resp odd name, dropped", false, "hello", OK "Content_Length: 500\r\nContent-Length: 5\r\n\r\nhello"),
	MALFORMED("W68", "resp Connection names CL", OK "Connection: Content-Length\r\nContent-Length: 5\r\n\r\nhello"),
	TAKEN_AS("W69", "resp trailers, dropped", false, "hello", OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nServer-Timing: a\r\n\r\n"),
	{.id = "W70", .name = "resp header 1 MB", BYTES(OK "X-A: "), .fill = "b", .times = 1000000, .tail = "\r\n\r\n", .status = 502, .close = true},
	{.id = "W71", .name = "resp 10000 fields", BYTES(OK), .fill = "A: b\r\n", .times = 10000, .tail = "\r\n", .status = 502, .close = true},
};
/* clang-format on */

#define N_CASES(table) (sizeof(table) / sizeof(*(table)))
