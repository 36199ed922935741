/* SPDX-License-Identifier: Apache-2.0 */
/* address: the forms in which a policy names places on a network: where to listen, a base URL, a
 * range of addresses. Slices of what is returned lie in the text that was given. */
#pragma once
#include "config/conf.h"

/* Each: NULL when it is good, else what is wrong with it, as the end of "… is no address: ". */
const char *listen_address_parse(struct slice text, struct address_conf *ret);
const char *endpoint_url_parse(
        struct slice text, struct endpoint_conf *ret); /* weight is left alone */
const char *cidr_text_check(struct slice text);
/* Whether two listeners on these would fight for one place: wildcards take every address of their
 * port. */
bool listen_addresses_conflict(const struct address_conf *a, const struct address_conf *b);
bool host_is_loopback(struct slice host); /* 127.0.0.0/8, ::1, localhost */
bool host_is_private(
        struct slice host); /* loopback, private ranges, names that only a cluster knows */
