/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of crypto/seal: what is sealed opens, unchanged and under its key only; equal texts stay
 * equal. */
#include "rig/unit.h"
#include "crypto/seal.h"

#define LABEL SLICE("user_id")

static void put(struct slice key, struct slice label, struct slice text, uint8_t *ret)
{
	struct seal s;

	assert_int_equal(seal_init(&s, key, label), 0);
	assert_int_equal(seal_put(&s, text, ret), 0);
	seal_finish(&s);
}

static int open_with(struct slice key, struct slice label, struct slice sealed, char *ret)
{
	struct seal s;
	int r;

	assert_int_equal(seal_init(&s, key, label), 0);
	r = seal_open(&s, sealed, ret);
	seal_finish(&s);
	return r;
}

static void what_is_sealed_opens_again(void **state)
{
	static const char text[300] = "maria@example.com";
	uint8_t sealed[sizeof(text) + SEAL_OVERHEAD];
	char opened[sizeof(text)];
	struct seal s;

	(void)state;
	assert_int_equal(seal_init(&s, SLICE("a key"), LABEL), 0);
	for (size_t len = 0; len <= sizeof(text); len++) {
		assert_int_equal(seal_put(&s, slice_from(text, len), sealed), 0);
		assert_int_equal(seal_open(&s, slice_from(sealed, len + SEAL_OVERHEAD), opened), 0);
		assert_memory_equal(opened, text, len);
	}
	seal_finish(&s);
}

static void equal_texts_give_equal_bytes_and_others_do_not(void **state)
{
	uint8_t a[3 + SEAL_OVERHEAD], b[3 + SEAL_OVERHEAD], c[3 + SEAL_OVERHEAD],
	        d[3 + SEAL_OVERHEAD], e[3 + SEAL_OVERHEAD];

	(void)state;
	put(SLICE("a key"), LABEL, SLICE("bob"), a);
	put(SLICE("a key"), LABEL, SLICE("bob"), b);
	put(SLICE("a key"), LABEL, SLICE("bib"), c);
	put(SLICE("another"), LABEL, SLICE("bob"), d);
	put(SLICE("a key"), SLICE("other"), SLICE("bob"), e);
	assert_memory_equal(a, b, sizeof(a));
	assert_memory_equal(a, c, SEAL_ID_LEN);
	assert_memory_not_equal(a + SEAL_ID_LEN, c + SEAL_ID_LEN, 12);
	assert_memory_not_equal(a, d, SEAL_ID_LEN);
	assert_memory_not_equal(a, e, SEAL_ID_LEN);
}

/* Made with another implementation of HKDF, HMAC and AES-256-GCM, so that what one version seals
 * the next one opens. */
static void the_bytes_are_what_they_always_were(void **state)
{
	static const char want[] = "592a986bf2c3bafa39bc7a67f8b400ff8c72d076cd62e8720943f667c1b73b9"
	                           "fcd57a1a9d62c9fb5be85b71f1022688f9eda1e2efe";
	uint8_t sealed[17 + SEAL_OVERHEAD];
	char text[2 * sizeof(sealed) + 1];

	(void)state;
	put(SLICE("deployment key"), LABEL, SLICE("maria@example.com"), sealed);
	hex_encode(sealed, sizeof(sealed), text);
	assert_string_equal(text, want);
}

static void what_was_changed_or_is_of_another_key_does_not_open(void **state)
{
	static const char nothing[3];
	uint8_t sealed[3 + SEAL_OVERHEAD];
	char opened[3];

	(void)state;
	put(SLICE("a key"), LABEL, SLICE("bob"), sealed);
	for (size_t i = 0; i < sizeof(sealed); i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			sealed[i] ^= (uint8_t)(1u << bit);
			memset(opened, 0, sizeof(opened));
			assert_int_equal(open_with(SLICE("a key"), LABEL,
			                         slice_from(sealed, sizeof(sealed)), opened),
			        -EBADMSG);
			assert_memory_equal(opened, nothing, sizeof(opened));
			sealed[i] ^= (uint8_t)(1u << bit);
		}
	for (size_t len = 0; len < sizeof(sealed); len++)
		assert_int_equal(open_with(SLICE("a key"), LABEL, slice_from(sealed, len), opened),
		        -EBADMSG);
	assert_int_equal(
	        open_with(SLICE("b key"), LABEL, slice_from(sealed, sizeof(sealed)), opened),
	        -EBADMSG);
	assert_int_equal(open_with(SLICE("a key"), SLICE("other"),
	                         slice_from(sealed, sizeof(sealed)), opened),
	        -EBADMSG);
}

/* Nothing of one text or key is left for the next. */
static void sealing_and_opening_in_turn_do_not_disturb_each_other(void **state)
{
	uint8_t first[3 + SEAL_OVERHEAD], again[3 + SEAL_OVERHEAD], bad[3 + SEAL_OVERHEAD];
	char opened[3];
	struct seal s;

	(void)state;
	put(SLICE("a key"), LABEL, SLICE("bob"), first);
	memcpy(bad, first, sizeof(bad));
	bad[sizeof(bad) - 1] ^= 1;
	assert_int_equal(seal_init(&s, SLICE("a key"), LABEL), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(seal_open(&s, slice_from(first, sizeof(first)), opened), 0);
		assert_memory_equal(opened, "bob", 3);
		assert_int_equal(seal_open(&s, slice_from(bad, sizeof(bad)), opened), -EBADMSG);
		assert_int_equal(seal_put(&s, SLICE("bob"), again), 0);
		assert_memory_equal(again, first, sizeof(first));
	}
	seal_finish(&s);
}

/* Also with the same text, which then shows nothing of the key that makes tags. */
static void what_is_about_one_thing_opens_for_no_other(void **state)
{
	uint8_t a[6 + SEAL_OVERHEAD], b[6 + SEAL_OVERHEAD], c[6 + SEAL_OVERHEAD];
	char opened[6];
	struct seal s;

	(void)state;
	assert_int_equal(seal_init(&s, SLICE("a key"), LABEL), 0);
	assert_int_equal(seal_put_about(&s, SLICE("one"), SLICE("answer"), a), 0);
	assert_int_equal(seal_put_about(&s, SLICE("two"), SLICE("answer"), b), 0);
	assert_int_equal(seal_put(&s, SLICE("answer"), c), 0);
	assert_memory_not_equal(a + SEAL_ID_LEN, b + SEAL_ID_LEN, 12);
	assert_memory_not_equal(a + SEAL_ID_LEN, c + SEAL_ID_LEN, 12);
	assert_int_equal(seal_open_about(&s, SLICE("one"), slice_from(a, sizeof(a)), opened), 0);
	assert_memory_equal(opened, "answer", 6);
	assert_int_equal(
	        seal_open_about(&s, SLICE("two"), slice_from(a, sizeof(a)), opened), -EBADMSG);
	assert_int_equal(seal_open(&s, slice_from(a, sizeof(a)), opened), -EBADMSG);
	assert_int_equal(
	        seal_open_about(&s, SLICE("one"), slice_from(c, sizeof(c)), opened), -EBADMSG);
	seal_finish(&s);
}

static void a_dropped_seal_holds_nothing(void **state)
{
	static const struct seal empty;
	struct seal s;

	(void)state;
	assert_int_equal(seal_init(&s, SLICE("a key"), LABEL), 0);
	seal_finish(&s);
	assert_memory_equal(&s, &empty, sizeof(s));
	seal_finish(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_is_sealed_opens_again),
	        cmocka_unit_test(equal_texts_give_equal_bytes_and_others_do_not),
	        cmocka_unit_test(the_bytes_are_what_they_always_were),
	        cmocka_unit_test(what_was_changed_or_is_of_another_key_does_not_open),
	        cmocka_unit_test(sealing_and_opening_in_turn_do_not_disturb_each_other),
	        cmocka_unit_test(what_is_about_one_thing_opens_for_no_other),
	        cmocka_unit_test(a_dropped_seal_holds_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
