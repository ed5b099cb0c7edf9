/*
 * read_pem_test.c: private keys in every form that they come in, against
 * libcrypto's own reader; and that nothing of them is in what was freed.
 */
#include "crypto/read_pem.h"

#include "check.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

/* ---- libcrypto's own reader, and whether it was asked ---- */

static int	asked;

extern EVP_PKEY *__real_PEM_read_bio_PrivateKey(BIO *in, EVP_PKEY **key, pem_password_cb *ask, void *arg);
extern EVP_PKEY *__wrap_PEM_read_bio_PrivateKey(BIO *in, EVP_PKEY **key, pem_password_cb *ask, void *arg);

EVP_PKEY *
__wrap_PEM_read_bio_PrivateKey(BIO *in, EVP_PKEY **key, pem_password_cb *ask, void *arg)
{
	asked++;
	return __real_PEM_read_bio_PrivateKey(in, key, ask, arg);
}

/* ---- what is freed ---- */

typedef struct Block
{
	size_t		len;
	size_t		unused;			/* keeps what follows aligned */
} Block;

/* Bytes that must not be in what is freed. */
static uint8_t sought[2][64];
static size_t sought_len;
static int	found;

static void
look(const void *bytes, size_t len)
{
	for (int i = 0; i < 2 && sought_len > 0; i++)
		if (memmem(bytes, len, sought[i], sought_len))
			found++;
}

static void *
take(size_t len, const char *file, int line)
{
	Block	   *block = malloc(sizeof(Block) + len);

	(void) file;
	(void) line;
	if (block == NULL)
		return NULL;
	block->len = len;
	return block + 1;
}

static void
give_back(void *bytes, const char *file, int line)
{
	Block	   *block = bytes;

	(void) file;
	(void) line;
	if (bytes == NULL)
		return;
	block--;
	look(bytes, block->len);
	free(block);
}

static void *
take_more(void *bytes, size_t len, const char *file, int line)
{
	void	   *more;
	size_t		before = bytes ? ((Block *) bytes - 1)->len : 0;

	if (bytes && len == 0)
	{
		give_back(bytes, file, line);
		return NULL;
	}
	more = take(len, file, line);
	if (more && bytes)
	{
		memcpy(more, bytes, before < len ? before : len);
		give_back(bytes, file, line);
	}
	return more;
}

/* ---- keys ---- */

typedef struct Text
{
	char		data[20000];
	size_t		len;
} Text;

typedef enum Form
{
	PKCS8,
	TRADITIONAL
} Form;

static Text
write_key(EVP_PKEY *key, Form form)
{
	BIO		   *out = BIO_new(BIO_s_mem());
	Text		text;
	char	   *data;

	if (form == PKCS8)
		CHECK(PEM_write_bio_PKCS8PrivateKey(out, key, NULL, NULL, 0, NULL, NULL) == 1);
	else
		CHECK(PEM_write_bio_PrivateKey_traditional(out, key, NULL, NULL, 0, NULL, NULL) == 1);
	text.len = (size_t) BIO_get_mem_data(out, &data);
	CHECK(text.len < sizeof(text.data));
	memcpy(text.data, data, text.len);
	text.data[text.len] = '\0';
	BIO_free(out);
	return text;
}

/* What is secret of it, either way round. */
static void
seek(EVP_PKEY *key)
{
	BIGNUM	   *number = NULL;

	sought_len = 24;
	if (EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448"))
	{
		uint8_t		seed[64];
		size_t		len = sizeof(seed);

		CHECK(EVP_PKEY_get_raw_private_key(key, seed, &len) == 1);
		memcpy(sought[0], seed, sought_len);
		memcpy(sought[1], seed, sought_len);
		return;
	}
	CHECK(EVP_PKEY_get_bn_param(key, EVP_PKEY_is_a(key, "EC") ? OSSL_PKEY_PARAM_PRIV_KEY : OSSL_PKEY_PARAM_RSA_FACTOR1, &number) == 1);
	{
		uint8_t		bytes[2048];
		int			len = BN_bn2bin(number, bytes);

		CHECK(len >= 32);
		memcpy(sought[0], bytes + 2, sought_len);
		for (size_t i = 0; i < sought_len; i++)
			sought[1][i] = sought[0][sought_len - 1 - i];
	}
	BN_clear_free(number);
}

/* Read by us alone, the same as it was, able to sign; and gone without a trace. */
static void
reads(const char *name, EVP_PKEY *key, const Text *text)
{
	EVP_PKEY   *read;

	asked = 0;
	seek(key);
	found = 0;
	read = read_private_key(text->data, text->len);
	CHECK(read != NULL, "%s", name);
	CHECK(asked == 0, "%s", name);
	CHECK(read && EVP_PKEY_eq(read, key) == 1, "%s", name);
	if (read)
	{
		EVP_MD_CTX *context = EVP_MD_CTX_new();
		bool		hashes = EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448");
		uint8_t		signature[2048];
		size_t		len = sizeof(signature);

		CHECK(EVP_DigestSignInit(context, NULL, hashes ? NULL : EVP_sha256(), NULL, read) == 1, "%s", name);
		CHECK(EVP_DigestSign(context, signature, &len, (const uint8_t *) "data", 4) == 1, "%s", name);
		EVP_MD_CTX_free(context);
		context = EVP_MD_CTX_new();
		CHECK(EVP_DigestVerifyInit(context, NULL, hashes ? NULL : EVP_sha256(), NULL, key) == 1, "%s", name);
		CHECK(EVP_DigestVerify(context, signature, len, (const uint8_t *) "data", 4) == 1, "%s", name);
		EVP_MD_CTX_free(context);
	}
	EVP_PKEY_free(read);
	CHECK(found == 0, "%s: %d blocks were freed with the key in them", name, found);
	sought_len = 0;
}

/* As others change texts on their way. */
static Text
change(const Text *text, const char *line_end, const char *before, const char *after)
{
	Text		changed = {.len = 0};

	changed.len += (size_t) snprintf(changed.data, sizeof(changed.data), "%s", before);
	for (size_t i = 0; i < text->len; i++)
	{
		if (text->data[i] == '\n')
			changed.len += (size_t) snprintf(changed.data + changed.len, sizeof(changed.data) - changed.len, "%s", line_end);
		else
			changed.data[changed.len++] = text->data[i];
	}
	changed.len += (size_t) snprintf(changed.data + changed.len, sizeof(changed.data) - changed.len, "%s", after);
	return changed;
}

static void
reads_all(const char *name, EVP_PKEY *key, bool traditional)
{
	Text		pkcs8 = write_key(key, PKCS8);
	Text		changed;

	CHECK(key != NULL, "%s", name);
	reads(name, key, &pkcs8);
	changed = change(&pkcs8, "\r\n", "", "");
	reads(name, key, &changed);
	changed = change(&pkcs8, " \n", "Bag Attributes\n    friendlyName: x\n", "-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n");
	reads(name, key, &changed);
	changed = change(&pkcs8, "\n", "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n", "");
	reads(name, key, &changed);
	if (traditional)
	{
		Text		old = write_key(key, TRADITIONAL);

		CHECK(strstr(old.data, "BEGIN PRIVATE") == NULL, "%s", name);
		reads(name, key, &old);
	}
	/* And that the search finds it where libcrypto reads. */
	seek(key);
	found = 0;
	{
		BIO		   *in = BIO_new_mem_buf(pkcs8.data, (int) pkcs8.len);

		EVP_PKEY_free(__real_PEM_read_bio_PrivateKey(in, NULL, NULL, NULL));
		BIO_free(in);
	}
	if (found == 0)
		printf("read_pem: this libcrypto leaves nothing of %s\n", name);
	sought_len = 0;
	EVP_PKEY_free(key);
}

static void edwards(void)
{
	reads_all("Ed25519", EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), false);
	reads_all("Ed448", EVP_PKEY_Q_keygen(NULL, NULL, "ED448"), false);
}

static void
curves(void)
{
	for (int i = 0; i < 5; i++)
	{
		reads_all("P-256", EVP_EC_gen("P-256"), true);
		reads_all("P-384", EVP_EC_gen("P-384"), true);
		reads_all("P-521", EVP_EC_gen("P-521"), true);
	}
}

static void
rsa(void)
{
	reads_all("RSA 2048", EVP_RSA_gen(2048), true);
	reads_all("RSA 3072", EVP_RSA_gen(3072), true);
}

/* Another curve, and one by its numbers: libcrypto reads them, as before. */
static void
others(void)
{
	EVP_PKEY   *key = EVP_EC_gen("secp256k1");
	Text		text = write_key(key, PKCS8);
	EVP_PKEY   *read;

	asked = 0;
	read = read_private_key(text.data, text.len);
	CHECK(asked == 1 && read && EVP_PKEY_eq(read, key) == 1);
	EVP_PKEY_free(read);
	EVP_PKEY_free(key);

	key = EVP_EC_gen("P-256");
	CHECK(EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING, OSSL_PKEY_EC_ENCODING_EXPLICIT) == 1);
	text = write_key(key, PKCS8);
	asked = 0;
	read = read_private_key(text.data, text.len);
	CHECK(asked == 1 && read && EVP_PKEY_eq(read, key) == 1);
	EVP_PKEY_free(read);
	EVP_PKEY_free(key);
}

static void
encrypted(void)
{
	EVP_PKEY   *key = EVP_EC_gen("P-256");
	BIO		   *out = BIO_new(BIO_s_mem());
	char	   *data;
	long		len;

	CHECK(PEM_write_bio_PKCS8PrivateKey(out, key, EVP_aes_256_cbc(), "password", 8, NULL, NULL) == 1);
	len = BIO_get_mem_data(out, &data);
	CHECK(read_private_key(data, (size_t) len) == NULL);
	BIO_free(out);
	out = BIO_new(BIO_s_mem());
	CHECK(PEM_write_bio_PrivateKey_traditional(out, key, EVP_aes_256_cbc(), (const unsigned char *) "password", 8, NULL, NULL) == 1);
	len = BIO_get_mem_data(out, &data);
	CHECK(read_private_key(data, (size_t) len) == NULL);
	BIO_free(out);
	EVP_PKEY_free(key);
}

static void
none(void)
{
	static const char *const texts[] = {
		"", "x", "-----BEGIN ", "-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
		"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----",
		"-----BEGIN RSA PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----", "-----BEGIN EC PRIVATE KEY-----\nMAA=\n-----END EC PRIVATE KEY-----",
		"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----", "-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----"
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		char	   *text = exact_copy(texts[i], strlen(texts[i]));

		CHECK(read_private_key(text, strlen(texts[i])) == NULL, "%s", texts[i]);
		free(text);
	}
}

/* Cut off anywhere, and with any byte another: a key or none, and no harm. */
static void
damaged(void)
{
	for (int form = PKCS8; form <= TRADITIONAL; form++)
	{
		EVP_PKEY   *key = EVP_EC_gen("P-256");
		Text		text = write_key(key, (Form) form);

		for (size_t len = 0; len < text.len - 1; len++)
		{
			char	   *cut = exact_copy(text.data, len);

			CHECK(read_private_key(cut, len) == NULL, "%zu", len);
			free(cut);
		}
		for (size_t at = 0; at < text.len; at++)
			for (int i = 0; i < 8; i++)
			{
				char	   *copy = exact_copy(text.data, text.len);

				copy[at] = (char) (copy[at] ^ 1 << i);
				EVP_PKEY_free(read_private_key(copy, text.len));
				free(copy);
			}
		EVP_PKEY_free(key);
	}
}

int
main(void)
{
	if (CRYPTO_set_mem_functions(take, take_more, give_back) != 1)
		return 1;
	RUN(edwards);
	RUN(curves);
	RUN(rsa);
	RUN(others);
	RUN(encrypted);
	RUN(none);
	RUN(damaged);
	return check_summary("read_pem");
}
