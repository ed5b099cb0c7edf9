/*
 * keypair_test.c: what is written is what libcrypto would have written, it is a
 * key, and nothing of it stays in memory that libcrypto freed.
 */
#include "crypto/keypair.h"
#include "crypto/der.h"
#include "crypto/openssh.h"

#include "check.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

/* ---- memory that libcrypto gives back is looked at ---- */

/* What was in it, as long as somebody wants to know. */
static struct
{
	bool		kept;
	char	   *data;
	size_t		len;
	size_t		room;
} leavings;

typedef struct Header
{
	size_t		len;
	size_t		not_used;		/* so that what follows is aligned */
} Header;

static void *
counted_malloc(size_t len, const char *file, int line)
{
	Header	   *header = malloc(sizeof(Header) + len);

	(void) file;
	(void) line;
	if (header == NULL)
		abort();
	header->len = len;
	return header + 1;
}

static void
look_and_free(void *p, const char *file, int line)
{
	Header	   *header;

	(void) file;
	(void) line;
	if (p == NULL)
		return;
	header = (Header *) p - 1;
	if (leavings.kept)
	{
		if (leavings.len + header->len > leavings.room)
		{
			leavings.room = 2 * (leavings.len + header->len);
			leavings.data = realloc(leavings.data, leavings.room);
			if (leavings.data == NULL)
				abort();
		}
		memcpy(leavings.data + leavings.len, p, header->len);
		leavings.len += header->len;
	}
	free(header);
}

static void *
copying_realloc(void *p, size_t len, const char *file, int line)
{
	void	   *copy;

	if (p == NULL)
		return counted_malloc(len, file, line);
	if (len == 0)
	{
		look_and_free(p, file, line);
		return NULL;
	}
	copy = counted_malloc(len, file, line);
	memcpy(copy, p, ((Header *) p - 1)->len < len ? ((Header *) p - 1)->len : len);
	look_and_free(p, file, line);
	return copy;
}

static void
keep_leavings(void)
{
	leavings.kept = true;
	leavings.len = 0;
}

/* Any eight bytes of it, from the left or from the right. */
static bool
leavings_hold(const uint8_t *bytes, size_t len)
{
	uint8_t		reversed[512];

	for (size_t i = 0; i < len; i++)
		reversed[i] = bytes[len - 1 - i];
	for (size_t i = 0; i + 8 <= len; i++)
		if (memmem(leavings.data, leavings.len, bytes + i, 8) || memmem(leavings.data, leavings.len, reversed + i, 8))
			return true;
	return false;
}

/* ---- keys ---- */

static char private_room[KEY_PEM_ROOM];
static char public_room[KEY_PEM_ROOM];
static PemText private_half;
static PemText public_half;

static bool
make(KeyAlgorithm algorithm)
{
	private_half = (PemText) {private_room, sizeof(private_room), 0};
	public_half = (PemText) {public_room, sizeof(public_room), 0};
	return keypair_generate(algorithm, &private_half, &public_half) == CRYPTO_OK;
}

static EVP_PKEY *
read_private(const PemText *text)
{
	BIO		   *in = BIO_new_mem_buf(text->data, (int) text->len);
	EVP_PKEY   *key = PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);

	BIO_free(in);
	return key;
}

static bool
is_sound(EVP_PKEY *key)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	bool		sound = EVP_PKEY_check(context) == 1;

	EVP_PKEY_CTX_free(context);
	return sound;
}

static bool
writes(int (*write) (BIO *out, EVP_PKEY *key), EVP_PKEY *key, const PemText *text)
{
	BIO		   *out = BIO_new(BIO_s_mem());
	char	   *data;
	bool		same = write(out, key) == 1
		&& (size_t) BIO_get_mem_data(out, &data) == text->len && memcmp(data, text->data, text->len) == 0;

	BIO_free(out);
	return same;
}

static int
write_private(BIO *out, EVP_PKEY *key)
{
	return PEM_write_bio_PKCS8PrivateKey(out, key, NULL, NULL, 0, NULL, NULL);
}

static int
write_public(BIO *out, EVP_PKEY *key)
{
	return PEM_write_bio_PUBKEY(out, key);
}

static void
check_pair(KeyAlgorithm algorithm, const char *family, int bits)
{
	EVP_PKEY   *key;

	if (!CHECK(make(algorithm)) || !CHECK((key = read_private(&private_half)) != NULL, "%s", family))
		return;
	CHECK(EVP_PKEY_is_a(key, family) && EVP_PKEY_get_bits(key) == bits, "%s", family);
	CHECK(is_sound(key), "%s", family);
	CHECK(writes(write_private, key, &private_half), "%s", family);
	CHECK(writes(write_public, key, &public_half), "%s", family);
	EVP_PKEY_free(key);
}

/* So many of the small ones that some numbers begin with zeroes. */
static void
as_libcrypto_writes_them(void)
{
	for (int i = 0; i < 600; i++)
		check_pair(KEY_ECDSA_P256, "EC", 256);
	for (int i = 0; i < 50; i++)
		check_pair(KEY_ED25519, "ED25519", 256);
	for (int i = 0; i < 5; i++)
		check_pair(KEY_RSA_2048, "RSA", 2048);
	check_pair(KEY_RSA_3072, "RSA", 3072);
	check_pair(KEY_RSA_4096, "RSA", 4096);
}

static void
algorithm_names(void)
{
	static const struct
	{
		const char *name;
		KeyAlgorithm algorithm;
	}			known[] = {
		{"ed25519", KEY_ED25519}, {"ecdsa_p256", KEY_ECDSA_P256}, {"p256", KEY_ECDSA_P256}, {"rsa_2048", KEY_RSA_2048},
		{"rsa_3072", KEY_RSA_3072}, {"rsa", KEY_RSA_3072}, {"rsa_4096", KEY_RSA_4096}
	};
	static const char *const unknown[] = {"", "RSA", "rsa_1024", "rsa_", "ed25519 ", "p384", "x25519"};
	KeyAlgorithm algorithm;

	for (size_t i = 0; i < lengthof(known); i++)
		CHECK(key_algorithm_find(known[i].name, &algorithm) && algorithm == known[i].algorithm, "%s", known[i].name);
	for (size_t i = 0; i < lengthof(unknown); i++)
		CHECK(!key_algorithm_find(unknown[i], &algorithm), "%s", unknown[i]);
}

/* Too little room for either: nothing of it stays there. */
static void
too_little_room(void)
{
	for (size_t room = 0; room < 400; room++)
	{
		char	   *one = malloc(room > 0 ? room : 1);
		char	   *other = malloc(room > 0 ? room : 1);
		PemText		a = {one, room, 0};
		PemText		b = {private_room, sizeof(private_room), 0};
		CryptoResult result;

		memset(one, 0, room);
		result = keypair_generate(KEY_ED25519, &a, &b);
		if (room < 119)
			CHECK(result == CRYPTO_BROKEN && a.len == 0 && b.len == 0 && all_bytes(one, room, 0), "%zu", room);
		else
			CHECK(result == CRYPTO_OK && a.len == 119, "%zu", room);

		memset(private_room, 0, sizeof(private_room));
		b = (PemText) {private_room, sizeof(private_room), 0};
		a = (PemText) {other, room, 0};
		result = keypair_generate(KEY_ED25519, &b, &a);
		CHECK((result == CRYPTO_OK) == (room >= 113), "%zu", room);
		CHECK(result == CRYPTO_OK || (b.len == 0 && all_bytes(private_room, sizeof(private_room), 0)), "%zu", room);
		free(one);
		free(other);
	}
}

static int	asked;

static bool
yes_at_last(void)
{
	return ++asked > 3;
}

/* Whoever waits for a large key may stop waiting. */
static void
interrupted(void)
{
	keypair_interrupted = yes_at_last;
	memset(private_room, 0, sizeof(private_room));
	CHECK(!make(KEY_RSA_4096));
	CHECK(asked > 3 && asked < 100, "asked %d times", asked);
	CHECK(private_half.len == 0 && all_bytes(private_room, sizeof(private_room), 0));
	keypair_interrupted = NULL;
	CHECK(make(KEY_RSA_2048));
}

/* ---- nothing stays behind ---- */

static void
check_number_is_gone(EVP_PKEY *key, const char *name)
{
	BIGNUM	   *number = NULL;
	uint8_t		bytes[512];

	CHECK(EVP_PKEY_get_bn_param(key, name, &number) == 1);
	CHECK(!leavings_hold(bytes, (size_t) BN_bn2bin(number, bytes)), "%s", name);
	BN_clear_free(number);
}

/* Nor a line of its text. */
static void
check_text_is_gone(const PemText *text)
{
	const char *line = strchr(text->data, '\n') + 1;

	CHECK(memmem(leavings.data, leavings.len, line + 40, 16) == NULL);
}

static void
rsa_leaves_nothing(void)
{
	static const char *const names[] = {
		OSSL_PKEY_PARAM_RSA_D, OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_FACTOR2,
		OSSL_PKEY_PARAM_RSA_EXPONENT1, OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1
	};
	EVP_PKEY   *key;

	keep_leavings();
	CHECK(make(KEY_RSA_2048));
	leavings.kept = false;
	key = read_private(&private_half);
	for (size_t i = 0; i < lengthof(names); i++)
		check_number_is_gone(key, names[i]);
	check_text_is_gone(&private_half);
	EVP_PKEY_free(key);
}

static void
p256_leaves_nothing(void)
{
	EVP_PKEY   *key;

	keep_leavings();
	CHECK(make(KEY_ECDSA_P256));
	leavings.kept = false;
	key = read_private(&private_half);
	check_number_is_gone(key, OSSL_PKEY_PARAM_PRIV_KEY);
	check_text_is_gone(&private_half);
	EVP_PKEY_free(key);
}

static void
ed25519_leaves_nothing(void)
{
	uint8_t		seed[ED25519_LEN];
	size_t		len = sizeof(seed);
	EVP_PKEY   *key;

	keep_leavings();
	CHECK(make(KEY_ED25519));
	leavings.kept = false;
	key = read_private(&private_half);
	CHECK(EVP_PKEY_get_raw_private_key(key, seed, &len) == 1);
	CHECK(!leavings_hold(seed, len));
	check_text_is_gone(&private_half);

	/* And that it would have been seen. */
	keep_leavings();
	OPENSSL_free(OPENSSL_memdup(seed, len));
	leavings.kept = false;
	CHECK(leavings_hold(seed, len));
	EVP_PKEY_free(key);
}

static void
ssh_leaves_nothing(void)
{
	uint8_t		seed[ED25519_LEN];

	memcpy(seed, "a seed that nobody else will use", sizeof(seed));
	private_half = (PemText) {private_room, sizeof(private_room), 0};
	public_half = (PemText) {public_room, sizeof(public_room), 0};
	keep_leavings();
	CHECK(openssh_write(seed, 1, "comment", &private_half, &public_half) == CRYPTO_OK);
	leavings.kept = false;
	CHECK(!leavings_hold(seed, sizeof(seed)));
}

int
main(void)
{
	if (!CRYPTO_set_mem_functions(counted_malloc, copying_realloc, look_and_free))
		return 1;
	RUN(algorithm_names);
	RUN(as_libcrypto_writes_them);
	RUN(too_little_room);
	RUN(interrupted);
	RUN(rsa_leaves_nothing);
	RUN(p256_leaves_nothing);
	RUN(ed25519_leaves_nothing);
	RUN(ssh_leaves_nothing);
	free(leavings.data);
	return check_summary("keypair");
}
