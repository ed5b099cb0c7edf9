/*
 * crypto/read_pem.c
 */
#include "crypto/read_pem.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <string.h>

#include "crypto/codec.h"
#include "crypto/der.h"

#define MAX_DER		16384		/* of RSA with 16384 bits, and some */
#define MAX_NUMBERS 8

/* What is made of the text on the way; wiped with it. */
typedef struct Work
{
	char		base64[MAX_DER / 3 * 4 + 4];
	uint8_t		der[MAX_DER + 2];
	uint8_t		numbers[MAX_DER];	/* as this machine has them */
	size_t		used;
	OSSL_PARAM	params[MAX_NUMBERS + 2];
	int			nparams;
} Work;

/* ---- into libcrypto ---- */

static void
add_param(Work *work, OSSL_PARAM param)
{
	work->params[work->nparams++] = param;
}

/* The last byte first, on most machines. */
static void
add_number(Work *work, const char *name, DerText number)
{
	const uint16_t one = 1;
	bool		little = *(const uint8_t *) &one == 1;
	uint8_t    *out = work->numbers + work->used;

	for (size_t i = 0; i < number.len; i++)
		out[little ? number.len - 1 - i : i] = number.at[i];
	work->used += number.len;
	add_param(work, (OSSL_PARAM) OSSL_PARAM_BN(name, out, number.len));
}

static EVP_PKEY *
make_key(Work *work, const char *type)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY   *key = NULL;

	add_param(work, (OSSL_PARAM) OSSL_PARAM_END);
	if (context == NULL || EVP_PKEY_fromdata_init(context) != 1
		|| EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, work->params) != 1)
	{
		EVP_PKEY_free(key);
		key = NULL;
	}
	EVP_PKEY_CTX_free(context);
	return key;
}

/*
 * From here on: false, it is no key of a kind that is read here.  True: it is, and
 * *key is NULL where libcrypto does not take it.
 */

/* ---- RFC 8017 ---- */

static bool
read_rsa(Work *work, DerText text, EVP_PKEY **key)
{
	static const char *const names[] = {
		OSSL_PKEY_PARAM_RSA_N, OSSL_PKEY_PARAM_RSA_E, OSSL_PKEY_PARAM_RSA_D,
		OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_FACTOR2,
		OSSL_PKEY_PARAM_RSA_EXPONENT1, OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1
	};
	DerText		inside;
	DerText		number;

	if (!der_take(&text, DER_SEQUENCE, &inside) || !der_take_number(&inside, &number) || number.len != 0)
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		if (!der_take_number(&inside, &number) || number.len == 0)
			return false;
		add_number(work, names[i], number);
	}
	*key = make_key(work, "RSA");
	return true;
}

/* ---- RFC 5915 ---- */

static bool
is_bytes(DerText text, const void *bytes, size_t len)
{
	return text.len == len && memcmp(text.at, bytes, len) == 0;
}

static const char *
curve_of(DerText object)
{
	static const struct
	{
		const char *name;
		const char *object;
		size_t		len;
	}			curves[] = {
		{"P-256", "\x2a\x86\x48\xce\x3d\x03\x01\x07", 8},
		{"P-384", "\x2b\x81\x04\x00\x22", 5},
		{"P-521", "\x2b\x81\x04\x00\x23", 5},
	};

	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++)
		if (is_bytes(object, curves[i].object, curves[i].len))
			return curves[i].name;
	return NULL;
}

/* The curve stands inside, or, in PKCS#8, was told before. */
static bool
read_ec(Work *work, DerText text, const char *curve, EVP_PKEY **key)
{
	DerText		inside;
	DerText		version;
	DerText		scalar;
	DerText		tagged;
	DerText		object;
	DerText		point;

	if (!der_take(&text, DER_SEQUENCE, &inside) || !der_take_number(&inside, &version) || !is_bytes(version, "\1", 1)
		|| !der_take(&inside, DER_OCTET_STRING, &scalar))
		return false;
	if (der_take(&inside, DER_CONTEXT_0, &tagged) && der_take(&tagged, DER_OBJECT, &object))
		curve = curve_of(object);
	/* Whether it is the point of this scalar is asked where it is compared with the certificate's. */
	if (curve == NULL || !der_take(&inside, DER_CONTEXT_1, &tagged) || !der_take(&tagged, DER_BIT_STRING, &point)
		|| point.len < 2 || point.at[0] != 0)
		return false;
	add_param(work, (OSSL_PARAM) OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *) curve, strlen(curve)));
	add_param(work, (OSSL_PARAM) OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *) (point.at + 1), point.len - 1));
	add_number(work, OSSL_PKEY_PARAM_PRIV_KEY, scalar);
	*key = make_key(work, "EC");
	return true;
}

/* ---- RFC 8410 ---- */

static bool
read_edwards(DerText text, const char *type, size_t len, EVP_PKEY **key)
{
	DerText		seed;

	if (!der_take(&text, DER_OCTET_STRING, &seed) || seed.len != len)
		return false;
	*key = EVP_PKEY_new_raw_private_key_ex(NULL, type, NULL, seed.at, seed.len);
	return true;
}

/* ---- RFC 5208 ---- */

static bool
read_pkcs8(Work *work, DerText text, EVP_PKEY **key)
{
	DerText		inside;
	DerText		version;
	DerText		algorithm;
	DerText		object;
	DerText		curve;
	DerText		content;

	if (!der_take(&text, DER_SEQUENCE, &inside) || !der_take_number(&inside, &version)
		|| !der_take(&inside, DER_SEQUENCE, &algorithm) || !der_take(&algorithm, DER_OBJECT, &object)
		|| !der_take(&inside, DER_OCTET_STRING, &content))
		return false;
	if (is_bytes(object, "\x2b\x65\x70", 3))
		return read_edwards(content, "ED25519", 32, key);
	if (is_bytes(object, "\x2b\x65\x71", 3))
		return read_edwards(content, "ED448", 57, key);
	if (is_bytes(object, "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", 9))
		return read_rsa(work, content, key);
	if (is_bytes(object, "\x2a\x86\x48\xce\x3d\x02\x01", 7) && der_take(&algorithm, DER_OBJECT, &curve))
		return read_ec(work, content, curve_of(curve), key);
	return false;
}

/* ---- as text ---- */

static bool
decode(const PemBlock *block, Work *work, DerText *der)
{
	size_t		n = 0;

	for (size_t i = 0; i < block->inside_len; i++)
	{
		char		c = block->inside[i];

		if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
			continue;
		if (n == sizeof(work->base64))
			return false;
		work->base64[n++] = c;
	}
	der->at = work->der;
	return base64_decode(work->base64, n, work->der, &der->len);
}

static bool
read_der(const PemBlock *block, Work *work, DerText der, EVP_PKEY **key)
{
	if (pem_is(block, "PRIVATE KEY"))
		return read_pkcs8(work, der, key);
	if (pem_is(block, "EC PRIVATE KEY"))
		return read_ec(work, der, NULL, key);
	return pem_is(block, "RSA PRIVATE KEY") && read_rsa(work, der, key);
}

static bool
read_block(const PemBlock *block, EVP_PKEY **key)
{
	Work	   *work = OPENSSL_zalloc(sizeof(Work));
	DerText		der;
	bool		known;

	if (work == NULL)
		return true;
	known = decode(block, work, &der) && read_der(block, work, der, key);
	OPENSSL_clear_free(work, sizeof(Work));
	return known;
}

/* libcrypto would ask at a terminal. */
static int
no_passphrase(char *buffer, int size, int writing, void *arg)
{
	(void) buffer;
	(void) size;
	(void) writing;
	(void) arg;
	return -1;
}

static EVP_PKEY *
read_by_libcrypto(const PemBlock *block)
{
	BIO		   *in = BIO_new_mem_buf(block->whole, (int) block->whole_len);
	EVP_PKEY   *key = in ? PEM_read_bio_PrivateKey(in, NULL, no_passphrase, NULL) : NULL;

	BIO_free(in);
	return key;
}

static bool
is_private(const PemBlock *block)
{
	static const char suffix[] = "PRIVATE KEY";
	size_t		len = strlen(suffix);

	return block->label_len >= len && memcmp(block->label + block->label_len - len, suffix, len) == 0;
}

EVP_PKEY *
read_private_key(const char *text, size_t len)
{
	const char *at = text;
	PemBlock	block;
	bool		broken;
	EVP_PKEY   *key = NULL;

	while (pem_next(&at, text + len, &block, &broken))
		if (is_private(&block))
			return read_block(&block, &key) ? key : read_by_libcrypto(&block);
	return NULL;
}

bool
is_certificate(const PemBlock *block)
{
	return pem_is(block, "CERTIFICATE") || pem_is(block, "X509 CERTIFICATE") || pem_is(block, "TRUSTED CERTIFICATE");
}

X509 *
read_certificate(const PemBlock *block)
{
	BIO		   *in = BIO_new_mem_buf(block->whole, (int) block->whole_len);
	X509	   *certificate = in ? PEM_read_bio_X509(in, NULL, no_passphrase, NULL) : NULL;

	BIO_free(in);
	return certificate;
}
