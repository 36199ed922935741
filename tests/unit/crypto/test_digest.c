/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of crypto/digest: published values, threads. */
#include "rig/unit.h"
#include <pthread.h>
#include <string.h>
#include "crypto/digest.h"

static void check_hex(const uint8_t digest[SHA256_LEN], const char *want)
{
	char text[2 * SHA256_LEN + 1];

	hex_encode(digest, SHA256_LEN, text);
	assert_string_equal(text, want);
}

static void sha256_gives_the_values_of_fips_180(void **state)
{
	static char million[1000000];
	uint8_t digest[SHA256_LEN];

	(void)state;
	sha256(SLICE("abc"), digest);
	check_hex(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	sha256(SLICE(""), digest);
	check_hex(digest, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	sha256((struct slice){NULL, 0}, digest);
	check_hex(digest, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	memset(million, 'a', sizeof(million));
	sha256(slice_from(million, sizeof(million)), digest);
	check_hex(digest, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void hmac_gives_the_values_of_rfc_4231(void **state)
{
	uint8_t digest[SHA256_LEN];
	char key[131];

	(void)state;
	memset(key, 0x0b, 20);
	hmac_sha256(slice_from(key, 20), SLICE("Hi There"), digest);
	check_hex(digest, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	hmac_sha256(SLICE("Jefe"), SLICE("what do ya want for nothing?"), digest);
	check_hex(digest, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, sizeof(key));
	hmac_sha256(slice_from(key, sizeof(key)),
	        SLICE("Test Using Larger Than Block-Size Key - Hash Key First"), digest);
	check_hex(digest, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
	hmac_sha256(SLICE(""), SLICE(""), digest);
	check_hex(digest, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void hkdf_gives_the_values_of_rfc_5869(void **state)
{
	static const char want[] = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
				   "34007208d5b887185865";
	uint8_t key[22], salt[13], info[10], got[42];
	char text[2 * sizeof(got) + 1];

	(void)state;
	memset(key, 0x0b, sizeof(key));
	for (uint8_t i = 0; i < sizeof(salt); i++)
		salt[i] = i;
	for (uint8_t i = 0; i < sizeof(info); i++)
		info[i] = (uint8_t)(0xf0 + i);
	hkdf_sha256(slice_from(key, sizeof(key)), slice_from(salt, sizeof(salt)),
	        slice_from(info, sizeof(info)), got, sizeof(got));
	hex_encode(got, sizeof(got), text);
	assert_string_equal(text, want);
	hkdf_sha256(slice_from(key, sizeof(key)), SLICE(""), SLICE(""), got, sizeof(got));
	hex_encode(got, sizeof(got), text);
	assert_string_equal(text, "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d20139"
				  "5faa4b61a96c8");
}

static void *digest_in_thread(void *ret)
{
	for (int i = 0; i < 1000; i++)
		sha256(SLICE("abc"), ret);
	return NULL;
}

static void each_thread_has_its_own_context_and_leaves_none(void **state)
{
	pthread_t threads[8];
	uint8_t digests[8][SHA256_LEN], want[SHA256_LEN];

	(void)state;
	for (int i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, digest_in_thread, digests[i]);
	sha256(SLICE("abc"), want);
	for (int i = 0; i < 8; i++) {
		pthread_join(threads[i], NULL);
		assert_memory_equal(digests[i], want, SHA256_LEN);
	}
}

static void hex_of_any_case_is_read_back(void **state)
{
	unsigned char all[256], back[256];
	char text[513];

	(void)state;
	for (int i = 0; i < 256; i++)
		all[i] = (unsigned char)i;
	hex_encode(all, sizeof(all), text);
	assert_int_equal(hex_decode(slice_str(text), back, 256), 0);
	assert_memory_equal(all, back, 256);
	for (int i = 0; i < 512; i++)
		if (text[i] >= 'a')
			text[i] &= ~0x20;
	memset(back, 0, sizeof(back));
	assert_int_equal(hex_decode(slice_str(text), back, 256), 0);
	assert_memory_equal(all, back, 256);
	hex_encode("", 0, text);
	assert_string_equal(text, "");
}

static void hex_of_other_length_or_letters_is_refused_untouched(void **state)
{
	char back[2] = "x";

	(void)state;
	assert_int_equal(hex_decode(SLICE("0"), back, 1), -EINVAL);
	assert_int_equal(hex_decode(SLICE("000"), back, 1), -EINVAL);
	assert_int_equal(hex_decode(SLICE("0000"), back, 1), -EINVAL);
	assert_int_equal(hex_decode(SLICE(""), back, 1), -EINVAL);
	assert_int_equal(hex_decode(SLICE(""), back, SIZE_MAX), -EINVAL);
	for (int c = 1; c < 256; c++) {
		char text[3] = {'4', (char)c, 0};

		if (!strchr("0123456789abcdefABCDEF", c))
			assert_int_equal(hex_decode(slice_from(text, 2), back, 1), -EINVAL);
	}
	assert_string_equal(back, "x");
	assert_int_equal(hex_decode(SLICE(""), back, 0), 0);
}

static void equality_looks_at_every_byte(void **state)
{
	char a[64] = {0}, b[64] = {0};

	(void)state;
	assert_true(bytes_equal_constant(a, b, sizeof(a)));
	assert_true(bytes_equal_constant(a, b, 0));
	for (size_t i = 0; i < sizeof(a); i++) {
		b[i] = (char)(1 << i % 8);
		for (size_t len = 0; len <= sizeof(a); len++)
			assert_int_equal(bytes_equal_constant(a, b, len), len <= i);
		b[i] = 0;
	}
	memset(a, 1, sizeof(a));
	wipe(a, sizeof(a));
	assert_memory_equal(a, b, sizeof(a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(sha256_gives_the_values_of_fips_180),
	        cmocka_unit_test(hmac_gives_the_values_of_rfc_4231),
	        cmocka_unit_test(hkdf_gives_the_values_of_rfc_5869),
	        cmocka_unit_test(each_thread_has_its_own_context_and_leaves_none),
	        cmocka_unit_test(hex_of_any_case_is_read_back),
	        cmocka_unit_test(hex_of_other_length_or_letters_is_refused_untouched),
	        cmocka_unit_test(equality_looks_at_every_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
