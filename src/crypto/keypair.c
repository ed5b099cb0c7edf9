/*
 * crypto/keypair.c
 *
 * Of a pair in Ed25519 we draw the seed ourselves, and keep it: libcrypto would
 * make a copy to tell it.
 */
#include "crypto/keypair.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

#include "crypto/der.h"
#include "crypto/random.h"

#define P256_LEN		32
#define P256_POINT_LEN	65
#define RSA_MAX_LEN		512

struct Keypair
{
	KeyAlgorithm algorithm;
	EVP_PKEY   *key;
	uint8_t		seed[ED25519_LEN];	/* of Ed25519 */
};

bool		(*keypair_interrupted) (void);

static const struct
{
	const char *name;
	KeyAlgorithm algorithm;
}			algorithms[] = {
	{"ed25519", KEY_ED25519},
	{"ecdsa_p256", KEY_ECDSA_P256},
	{"p256", KEY_ECDSA_P256},
	{"rsa_2048", KEY_RSA_2048},
	{"rsa_3072", KEY_RSA_3072},
	{"rsa", KEY_RSA_3072},
	{"rsa_4096", KEY_RSA_4096},
};

bool
key_algorithm_find(const char *name, KeyAlgorithm *algorithm)
{
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
		if (strcmp(name, algorithms[i].name) == 0)
		{
			*algorithm = algorithms[i].algorithm;
			return true;
		}
	return false;
}

/* ---- making one ---- */

/* Zero makes libcrypto give up. */
static int
go_on(EVP_PKEY_CTX *context)
{
	(void) context;
	return keypair_interrupted == NULL || !keypair_interrupted();
}

static bool
choose(EVP_PKEY_CTX *context, KeyAlgorithm algorithm)
{
	switch (algorithm)
	{
		case KEY_ECDSA_P256:
			return EVP_PKEY_CTX_set_group_name(context, "P-256") == 1;
		case KEY_RSA_2048:
			return EVP_PKEY_CTX_set_rsa_keygen_bits(context, 2048) == 1;
		case KEY_RSA_3072:
			return EVP_PKEY_CTX_set_rsa_keygen_bits(context, 3072) == 1;
		case KEY_RSA_4096:
			return EVP_PKEY_CTX_set_rsa_keygen_bits(context, 4096) == 1;
		default:
			return false;
	}
}

static bool
find_key(KeyAlgorithm algorithm, EVP_PKEY **key)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, algorithm == KEY_ECDSA_P256 ? "EC" : "RSA", NULL);
	bool		ok = context && EVP_PKEY_keygen_init(context) == 1 && choose(context, algorithm);

	if (ok)
	{
		EVP_PKEY_CTX_set_cb(context, go_on);
		ok = EVP_PKEY_generate(context, key) == 1;
	}
	EVP_PKEY_CTX_free(context);
	return ok;
}

Keypair *
keypair_of_seed(const uint8_t seed[ED25519_LEN])
{
	Keypair    *pair = OPENSSL_zalloc(sizeof(Keypair));

	if (pair == NULL)
		return NULL;
	pair->algorithm = KEY_ED25519;
	memcpy(pair->seed, seed, ED25519_LEN);
	pair->key = EVP_PKEY_new_raw_private_key_ex(NULL, "ED25519", NULL, seed, ED25519_LEN);
	if (pair->key)
		return pair;
	keypair_free(pair);
	return NULL;
}

static Keypair *
new_ed25519(void)
{
	uint8_t		seed[ED25519_LEN];
	Keypair    *pair = random_secret(seed, sizeof(seed)) ? keypair_of_seed(seed) : NULL;

	crypto_wipe(seed, sizeof(seed));
	return pair;
}

Keypair *
keypair_new(KeyAlgorithm algorithm)
{
	Keypair    *pair;

	if (algorithm == KEY_ED25519)
		return new_ed25519();
	if ((pair = OPENSSL_zalloc(sizeof(Keypair))) == NULL)
		return NULL;
	pair->algorithm = algorithm;
	if (find_key(algorithm, &pair->key))
		return pair;
	keypair_free(pair);
	return NULL;
}

void
keypair_free(Keypair *pair)
{
	if (pair == NULL)
		return;
	EVP_PKEY_free(pair->key);
	OPENSSL_clear_free(pair, sizeof(Keypair));
}

EVP_PKEY *
keypair_key(const Keypair *pair)
{
	return pair->key;
}

/* ---- the private half: PrivateKeyInfo, RFC 5208 ---- */

static const uint8_t id_ed25519[] = {0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70};
static const uint8_t id_p256[] = {0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
static const uint8_t id_rsa[] = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};
static const uint8_t zero[] = {0};
static const uint8_t one[] = {1};

/* RFC 8410 */
static bool
put_ed25519(Der *der, const Keypair *pair)
{
	der_put(der, pair->seed, ED25519_LEN);
	der_wrap(der, DER_OCTET_STRING, 0);
	der_wrap(der, DER_OCTET_STRING, 0);
	der_put(der, id_ed25519, sizeof(id_ed25519));
	return true;
}

/* A number, as so many bytes, or as few as it takes where len is 0; returns how many, 0: libcrypto refused. */
static size_t
get_number(const Keypair *pair, const char *name, uint8_t bytes[RSA_MAX_LEN], size_t len)
{
	BIGNUM	   *number = NULL;
	int			got = 0;

	if (EVP_PKEY_get_bn_param(pair->key, name, &number) == 1 && BN_num_bytes(number) <= RSA_MAX_LEN)
		got = BN_bn2binpad(number, bytes, len > 0 ? (int) len : BN_num_bytes(number));
	BN_clear_free(number);
	return got > 0 ? (size_t) got : 0;
}

/* RFC 5915, without the curve, which is told already */
static bool
put_p256(Der *der, const Keypair *pair)
{
	uint8_t		scalar[RSA_MAX_LEN];
	uint8_t		point[P256_POINT_LEN];
	size_t		point_len = 0;
	size_t		since;
	bool		ok;

	ok = get_number(pair, OSSL_PKEY_PARAM_PRIV_KEY, scalar, P256_LEN) == P256_LEN
		&& EVP_PKEY_get_octet_string_param(pair->key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &point_len) == 1
		&& point_len == sizeof(point);
	if (ok)
	{
		der_put(der, point, sizeof(point));
		der_put(der, zero, 1);	/* bits that are left over */
		der_wrap(der, DER_BIT_STRING, 0);
		der_wrap(der, DER_CONTEXT_1, 0);
		since = der_len(der);
		der_put(der, scalar, P256_LEN);
		der_wrap(der, DER_OCTET_STRING, since);
		der_put_number(der, one, 1);
		der_wrap(der, DER_SEQUENCE, 0);
		der_wrap(der, DER_OCTET_STRING, 0);
		der_put(der, id_p256, sizeof(id_p256));
	}
	crypto_wipe(scalar, sizeof(scalar));
	return ok;
}

/* RFC 8017, from its end */
static bool
put_rsa(Der *der, const Keypair *pair)
{
	static const char *const numbers[] = {
		OSSL_PKEY_PARAM_RSA_COEFFICIENT1, OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_EXPONENT1,
		OSSL_PKEY_PARAM_RSA_FACTOR2, OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_D,
		OSSL_PKEY_PARAM_RSA_E, OSSL_PKEY_PARAM_RSA_N
	};
	uint8_t		number[RSA_MAX_LEN];
	bool		ok = true;

	for (size_t i = 0; ok && i < sizeof(numbers) / sizeof(numbers[0]); i++)
	{
		size_t		len = get_number(pair, numbers[i], number, 0);

		ok = len > 0;
		der_put_number(der, number, len);
	}
	crypto_wipe(number, sizeof(number));
	der_put_number(der, zero, 1);
	der_wrap(der, DER_SEQUENCE, 0);
	der_wrap(der, DER_OCTET_STRING, 0);
	der_put(der, id_rsa, sizeof(id_rsa));
	return ok;
}

static bool
put_private(Der *der, const Keypair *pair)
{
	switch (pair->algorithm)
	{
		case KEY_ED25519:
			return put_ed25519(der, pair);
		case KEY_ECDSA_P256:
			return put_p256(der, pair);
		default:
			return put_rsa(der, pair);
	}
}

bool
keypair_append_private(const Keypair *pair, PemText *text)
{
	Der			der;
	bool		ok;

	der_begin(&der);
	ok = put_private(&der, pair);
	der_put_number(&der, zero, 1);
	der_wrap(&der, DER_SEQUENCE, 0);
	ok = ok && !der.failed && pem_append(text, "PRIVATE KEY", der_bytes(&der), der_len(&der));
	der_wipe(&der);
	return ok;
}

/* ---- the public half ---- */

static bool
append_public(const Keypair *pair, PemText *text)
{
	uint8_t    *der = NULL;
	int			len = i2d_PUBKEY(pair->key, &der);
	bool		ok = len > 0 && pem_append(text, "PUBLIC KEY", der, (size_t) len);

	OPENSSL_free(der);
	return ok;
}

CryptoResult
keypair_generate(KeyAlgorithm algorithm, PemText *private_half, PemText *public_half)
{
	Keypair    *pair = keypair_new(algorithm);
	bool		ok = pair && keypair_append_private(pair, private_half) && append_public(pair, public_half);

	keypair_free(pair);
	if (ok)
		return CRYPTO_OK;
	text_wipe(private_half);
	text_wipe(public_half);
	return CRYPTO_BROKEN;
}
