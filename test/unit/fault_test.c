/*
 * fault_test.c: the Nth call of libcrypto fails, for every N.
 *
 * Every function of libcrypto that the crypto room calls and that can fail is
 * wrapped by the linker (see run).  Each try is a process of its own, so that
 * what the room keeps (fetched ciphers, a batch of randomness) starts afresh;
 * LeakSanitizer looks at each as it ends.
 */
#include "crypto/certificate.h"
#include "crypto/crypto.h"
#include "crypto/kdf.h"
#include "crypto/keypair.h"
#include "crypto/mac.h"
#include "crypto/openssh.h"
#include "crypto/password.h"
#include "crypto/random.h"
#include "crypto/scram.h"
#include "crypto/sealed_box.h"

#include "check.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <sys/wait.h>
#include <unistd.h>

/* How a call fails. */
typedef enum FaultMode
{
	REFUSES,					/* does nothing, returns 0 or NULL */
	NEGATIVE,					/* does nothing, returns -1 where there is such a value */
	LATE,						/* does all its work, then says that it failed */
	LATE_NEGATIVE,				/* the same, with -1 */
	SHORT,						/* does its work, but reports one byte less */
	STAYS_BROKEN				/* from here on every call refuses */
} FaultMode;

static struct
{
	FaultMode	mode;
	int			at;				/* the call that fails, from 1; 0: none */
	int			calls;
	const char *hit;			/* the first function that failed */
} fault;

static bool
works_all_the_same(void)
{
	return fault.mode == LATE || fault.mode == LATE_NEGATIVE || fault.mode == SHORT;
}

static int
bad_status(void)
{
	return fault.mode == NEGATIVE || fault.mode == LATE_NEGATIVE ? -1 : 0;
}

static bool
fails_now(const char *function)
{
	fault.calls++;
	if (fault.at == 0 || fault.calls < fault.at || (fault.calls > fault.at && fault.mode != STAYS_BROKEN))
		return false;
	if (fault.hit == NULL)
		fault.hit = function;
	return true;
}

#define REAL(type, function, parameters) \
	extern type __real_##function parameters; \
	extern type __wrap_##function parameters; \
	type __wrap_##function parameters

/* A function that returns 1, or 0 or less. */
#define WRAP_STATUS(function, parameters, arguments) \
REAL(int, function, parameters) \
{ \
	if (!fails_now(#function)) \
		return __real_##function arguments; \
	if (works_all_the_same()) \
		(void) __real_##function arguments; \
	return bad_status(); \
}

/* The same with a length that it reports. */
#define WRAP_LENGTH(function, parameters, arguments, reported) \
REAL(int, function, parameters) \
{ \
	int			status; \
\
	if (!fails_now(#function)) \
		return __real_##function arguments; \
	if (!works_all_the_same()) \
		return bad_status(); \
	status = __real_##function arguments; \
	if (fault.mode != SHORT) \
		return bad_status(); \
	(*reported)--; \
	return status; \
}

/* A function that returns something new, or NULL. */
#define WRAP_POINTER(type, function, parameters, arguments) \
REAL(type, function, parameters) \
{ \
	return fails_now(#function) ? NULL : __real_##function arguments; \
}

WRAP_POINTER(EVP_CIPHER *, EVP_CIPHER_fetch, (OSSL_LIB_CTX *c, const char *name, const char *properties),
			 (c, name, properties))
WRAP_POINTER(EVP_CIPHER_CTX *, EVP_CIPHER_CTX_new, (void), ())
WRAP_POINTER(void *, CRYPTO_zalloc, (size_t n, const char *file, int line), (n, file, line))
WRAP_STATUS(EVP_EncryptInit_ex2,
			(EVP_CIPHER_CTX *c, const EVP_CIPHER *cipher, const unsigned char *key, const unsigned char *iv,
								  const OSSL_PARAM params[]), (c, cipher, key, iv, params))
WRAP_STATUS(EVP_CipherInit_ex2,
			(EVP_CIPHER_CTX *c, const EVP_CIPHER *cipher, const unsigned char *key, const unsigned char *iv,
								 int enc, const OSSL_PARAM params[]), (c, cipher, key, iv, enc, params))
WRAP_STATUS(EVP_CIPHER_CTX_set_padding, (EVP_CIPHER_CTX *c, int padding), (c, padding))
WRAP_STATUS(EVP_CIPHER_CTX_ctrl, (EVP_CIPHER_CTX *c, int type, int arg, void *ptr), (c, type, arg, ptr))
WRAP_LENGTH(EVP_EncryptUpdate,
			(EVP_CIPHER_CTX *c, unsigned char *out, int *outl, const unsigned char *in, int inl),
			(c, out, outl, in, inl), outl)
WRAP_LENGTH(EVP_CipherUpdate,
			(EVP_CIPHER_CTX *c, unsigned char *out, int *outl, const unsigned char *in, int inl),
			(c, out, outl, in, inl), outl)
WRAP_LENGTH(EVP_EncryptFinal_ex, (EVP_CIPHER_CTX *c, unsigned char *out, int *outl), (c, out, outl), outl)
WRAP_LENGTH(EVP_DecryptFinal_ex, (EVP_CIPHER_CTX *c, unsigned char *out, int *outl), (c, out, outl), outl)
WRAP_STATUS(RAND_bytes_ex, (OSSL_LIB_CTX *c, unsigned char *buf, size_t n, unsigned int strength),
			(c, buf, n, strength))
WRAP_STATUS(RAND_priv_bytes_ex, (OSSL_LIB_CTX *c, unsigned char *buf, size_t n, unsigned int strength),
			(c, buf, n, strength))

WRAP_POINTER(EVP_MD *, EVP_MD_fetch, (OSSL_LIB_CTX *c, const char *name, const char *properties),
			 (c, name, properties))
WRAP_POINTER(EVP_MD_CTX *, EVP_MD_CTX_new, (void), ())
WRAP_STATUS(EVP_DigestInit_ex2, (EVP_MD_CTX *c, const EVP_MD *md, const OSSL_PARAM params[]), (c, md, params))
WRAP_STATUS(EVP_DigestUpdate, (EVP_MD_CTX *c, const void *data, size_t n), (c, data, n))
WRAP_STATUS(EVP_MD_CTX_copy_ex, (EVP_MD_CTX *out, const EVP_MD_CTX *in), (out, in))

REAL(int, EVP_DigestFinal_ex, (EVP_MD_CTX *c, unsigned char *out, unsigned int *outlen))
{
	int			status;

	if (!fails_now("EVP_DigestFinal_ex"))
		return __real_EVP_DigestFinal_ex(c, out, outlen);
	if (!works_all_the_same())
		return bad_status();
	status = __real_EVP_DigestFinal_ex(c, out, outlen);
	if (fault.mode != SHORT)
		return bad_status();
	(*outlen)--;
	return status;
}

REAL(unsigned char *, HMAC,
	 (const EVP_MD *md, const void *key, int keylen, const unsigned char *data, size_t n,
							 unsigned char *out, unsigned int *outlen))
{
	unsigned char *result;

	if (!fails_now("HMAC"))
		return __real_HMAC(md, key, keylen, data, n, out, outlen);
	if (!works_all_the_same())
		return NULL;
	result = __real_HMAC(md, key, keylen, data, n, out, outlen);
	if (fault.mode != SHORT)
		return NULL;
	(*outlen)--;
	return result;
}

/* ---- hashes in one call ---- */

REAL(int, EVP_Digest,
	 (const void *data, size_t n, unsigned char *out, unsigned int *outlen, const EVP_MD *md, ENGINE *engine))
{
	int			status;

	if (!fails_now("EVP_Digest"))
		return __real_EVP_Digest(data, n, out, outlen, md, engine);
	if (!works_all_the_same())
		return bad_status();
	status = __real_EVP_Digest(data, n, out, outlen, md, engine);
	if (fault.mode != SHORT)
		return bad_status();
	(*outlen)--;
	return status;
}

WRAP_STATUS(PKCS5_PBKDF2_HMAC,
			(const char *password, int len, const unsigned char *salt, int saltlen, int iterations, const EVP_MD *md,
								int outlen, unsigned char *out), (password, len, salt, saltlen, iterations, md, outlen, out))

/* ---- key pairs ---- */

WRAP_POINTER(EVP_PKEY_CTX *, EVP_PKEY_CTX_new_from_name, (OSSL_LIB_CTX *c, const char *name, const char *properties),
			 (c, name, properties))
WRAP_STATUS(EVP_PKEY_keygen_init, (EVP_PKEY_CTX *c), (c))
WRAP_STATUS(EVP_PKEY_CTX_set_group_name, (EVP_PKEY_CTX *c, const char *name), (c, name))
WRAP_STATUS(EVP_PKEY_CTX_set_rsa_keygen_bits, (EVP_PKEY_CTX *c, int bits), (c, bits))
WRAP_STATUS(EVP_PKEY_generate, (EVP_PKEY_CTX *c, EVP_PKEY **key), (c, key))
WRAP_POINTER(EVP_PKEY *, EVP_PKEY_new_raw_private_key_ex,
			 (OSSL_LIB_CTX *c, const char *type, const char *properties, const unsigned char *bytes, size_t n),
			 (c, type, properties, bytes, n))
WRAP_STATUS(EVP_PKEY_fromdata_init, (EVP_PKEY_CTX *c), (c))
WRAP_STATUS(EVP_PKEY_fromdata, (EVP_PKEY_CTX *c, EVP_PKEY **key, int selection, OSSL_PARAM params[]), (c, key, selection, params))
WRAP_LENGTH(EVP_PKEY_get_raw_public_key, (const EVP_PKEY *key, unsigned char *out, size_t *outlen), (key, out, outlen), outlen)
WRAP_STATUS(EVP_PKEY_get_bn_param, (const EVP_PKEY *key, const char *name, BIGNUM **number), (key, name, number))
WRAP_LENGTH(EVP_PKEY_get_octet_string_param,
			(const EVP_PKEY *key, const char *name, unsigned char *out, size_t room, size_t *outlen),
			(key, name, out, room, outlen), outlen)
WRAP_STATUS(BN_bn2binpad, (const BIGNUM *number, unsigned char *out, int n), (number, out, n))
WRAP_STATUS(i2d_PUBKEY, (const EVP_PKEY *key, unsigned char **out), (key, out))

/* ---- certificates ---- */

WRAP_POINTER(BIO *, BIO_new_mem_buf, (const void *data, int n), (data, n))
WRAP_POINTER(EVP_PKEY *, PEM_read_bio_PrivateKey, (BIO *in, EVP_PKEY **key, pem_password_cb *ask, void *arg), (in, key, ask, arg))
WRAP_POINTER(X509 *, PEM_read_bio_X509, (BIO *in, X509 **x, pem_password_cb *ask, void *arg), (in, x, ask, arg))
WRAP_STATUS(X509_check_private_key, (const X509 *x, const EVP_PKEY *key), (x, key))
WRAP_STATUS(X509_check_ca, (X509 *x), (x))
WRAP_STATUS(ASN1_TIME_to_tm, (const ASN1_TIME *time, struct tm *tm), (time, tm))
WRAP_POINTER(X509 *, X509_new, (void), ())
WRAP_STATUS(X509_set_version, (X509 *x, long version), (x, version))
WRAP_POINTER(BIGNUM *, BN_bin2bn, (const unsigned char *in, int n, BIGNUM *number), (in, n, number))
WRAP_POINTER(ASN1_INTEGER *, BN_to_ASN1_INTEGER, (const BIGNUM *number, ASN1_INTEGER *out), (number, out))
WRAP_STATUS(X509_NAME_add_entry_by_NID,
			(X509_NAME *name, int nid, int type, const unsigned char *bytes, int n, int at, int set),
			(name, nid, type, bytes, n, at, set))
WRAP_STATUS(X509_set_issuer_name, (X509 *x, const X509_NAME *name), (x, name))
WRAP_POINTER(ASN1_TIME *, ASN1_TIME_set, (ASN1_TIME *time, time_t seconds), (time, seconds))
WRAP_STATUS(X509_set_pubkey, (X509 *x, EVP_PKEY *key), (x, key))
WRAP_POINTER(X509_EXTENSION *, X509V3_EXT_conf_nid, (LHASH_OF(CONF_VALUE) *conf, X509V3_CTX *c, int nid, const char *words),
			 (conf, c, nid, words))
WRAP_STATUS(X509_add_ext, (X509 *x, const X509_EXTENSION *extension, int at), (x, extension, at))
WRAP_STATUS(X509_add1_ext_i2d, (X509 *x, int nid, void *value, int critical, unsigned long flags),
			(x, nid, value, critical, flags))
WRAP_POINTER(GENERAL_NAME *, GENERAL_NAME_new, (void), ())
WRAP_POINTER(ASN1_STRING *, ASN1_STRING_type_new, (int type), (type))
WRAP_STATUS(ASN1_STRING_set, (ASN1_STRING *string, const void *bytes, int n), (string, bytes, n))
WRAP_POINTER(OPENSSL_STACK *, OPENSSL_sk_new_null, (void), ())
WRAP_POINTER(AUTHORITY_KEYID *, AUTHORITY_KEYID_new, (void), ())
WRAP_POINTER(ASN1_OCTET_STRING *, ASN1_OCTET_STRING_dup, (const ASN1_OCTET_STRING *string), (string))
WRAP_STATUS(X509_sign, (X509 *x, EVP_PKEY *key, const EVP_MD *md), (x, key, md))
WRAP_STATUS(i2d_X509, (const X509 *x, unsigned char **out), (x, out))

/* What it has taken it cannot say that it has not. */
REAL(int, OPENSSL_sk_push, (OPENSSL_STACK *stack, const void *item))
{
	return fails_now("OPENSSL_sk_push") ? bad_status() : __real_OPENSSL_sk_push(stack, item);
}

#define PLAIN_LEN 100
#define UNTOUCHED 0xaa

static const uint8_t key_bytes[CRYPTO_KEY_LEN] = "a key, or what will do for one.";
static const Bytes fields[] = {{"id", 2}, {"", 0}, {"name", 4}};

/* Did nothing fail until now?  What a good result is allowed to depend on. */
static bool
unharmed(void)
{
	return fault.hit == NULL;
}

/* Neither a key nor half of one: zeroes, or what was there before. */
static bool
holds_nothing(const uint8_t *out, size_t len)
{
	return all_bytes(out, len, 0) || all_bytes(out, len, UNTOUCHED);
}

/*
 * Seals, and opens what was sealed.  A fault in either makes that one fail, and
 * its output zeroes; a fault that passes leaves the key in order.
 */
static void
seal_and_open_once(XaesKey *key)
{
	uint8_t		plain[PLAIN_LEN];
	uint8_t		box[BOX_OVERHEAD + PLAIN_LEN];
	uint8_t		out[PLAIN_LEN];
	BoxHeader	header = {.kind = BOX_VALUE};
	bool		before = unharmed();
	CryptoResult result;

	memset(plain, 'p', sizeof(plain));
	memset(box, UNTOUCHED, sizeof(box));
	memset(out, UNTOUCHED, sizeof(out));
	result = box_seal(key, &header, fields, lengthof(fields), plain, sizeof(plain), box);
	if (before && !unharmed())
	{
		CHECK(result == CRYPTO_BROKEN, "%s", fault.hit);
		CHECK(all_bytes(box, sizeof(box), 0), "%s", fault.hit);
	}
	if (result != CRYPTO_OK)
		return;

	before = unharmed();
	result = box_open(key, fields, lengthof(fields), box, sizeof(box), out);
	if (before && !unharmed())
	{
		/* Of the last step it cannot be told whether libcrypto or the tag failed. */
		CHECK(result == CRYPTO_BROKEN
			  || (result == CRYPTO_MISMATCH && strcmp(fault.hit, "EVP_DecryptFinal_ex") == 0),
			  "%s", fault.hit);
		CHECK(all_bytes(out, sizeof(out), 0), "%s", fault.hit);
	}
	else if (before)
		CHECK(result == CRYPTO_OK && memcmp(out, plain, sizeof(plain)) == 0);
}

static void
seal_and_open(void)
{
	XaesKey    *key = xaes_new(key_bytes);

	CHECK((key != NULL) == unharmed(), "%s", fault.hit);
	if (key == NULL)
		return;
	seal_and_open_once(key);
	if (!unharmed() && fault.mode != STAYS_BROKEN)
	{
		fault.at = 0;
		fault.hit = NULL;
		seal_and_open_once(key);
	}
	xaes_free(key);
}

/* In place, where a failure could leave plaintext behind. */
static void
seal_in_place(void)
{
	XaesKey    *key = xaes_new(key_bytes);
	uint8_t		nonce[XAES_NONCE_LEN] = {0};
	uint8_t		bytes[PLAIN_LEN];
	uint8_t		tag[XAES_TAG_LEN];

	if (key == NULL)
		return;
	memset(bytes, 'p', sizeof(bytes));
	if (xaes_seal(key, nonce, fields, lengthof(fields), bytes, sizeof(bytes), bytes, tag) == CRYPTO_OK)
		CHECK(unharmed(), "%s", fault.hit);
	else
		CHECK(!unharmed() && all_bytes(bytes, sizeof(bytes), 0) && all_bytes(tag, sizeof(tag), 0), "%s",
			  fault.hit);
	xaes_free(key);
}

static void
self_test(void)
{
	/* Its forged box is refused either way. */
	if (crypto_self_test())
		CHECK(unharmed() || strcmp(fault.hit, "EVP_DecryptFinal_ex") == 0, "%s", fault.hit);
	else
		CHECK(!unharmed());
}

static void
secret_bytes(void)
{
	uint8_t		out[40];

	CHECK(random_secret(out, sizeof(out)) == unharmed());
}

/* A batch that failed must not be drawn from afterwards. */
static void
public_bytes(void)
{
	for (int i = 0; i < 400; i++)
	{
		uint8_t		out[24];
		bool		before = unharmed();
		bool		ok;

		memset(out, UNTOUCHED, sizeof(out));
		ok = random_public(out, sizeof(out));
		if (before || fault.mode == STAYS_BROKEN)
			CHECK(ok == unharmed(), "%d", i);
		CHECK(ok != all_bytes(out, sizeof(out), UNTOUCHED), "%d", i);
		CHECK(!all_bytes(out, sizeof(out), 0), "%d", i);
	}
}

static void
public_bytes_in_bulk(void)
{
	static uint8_t out[5000];

	CHECK(random_public(out, sizeof(out)) == unharmed());
}

static void
uuid(void)
{
	uint8_t		out[16];

	CHECK(random_uuid(out) == unharmed());
}

static void
number(void)
{
	uint32_t	draw = 0;

	CHECK(random_below(10, &draw) == unharmed());
}

static void
password(void)
{
	char		out[24];
	PasswordResult result;

	memset(out, UNTOUCHED, sizeof(out));
	result = password_generate(sizeof(out), PASSWORD_DEFAULT, NULL, 0, out);
	CHECK(result == (unharmed() ? PASSWORD_OK : PASSWORD_BROKEN));
	if (result != PASSWORD_OK)
		CHECK(all_bytes(out, sizeof(out), 0));
}

static void
mac(void)
{
	uint8_t		out[32];

	memset(out, UNTOUCHED, sizeof(out));
	CHECK(kdf_mac(key_bytes, "label", out) == unharmed());
	CHECK(unharmed() || holds_nothing(out, sizeof(out)));
}

static void
subkey(void)
{
	uint8_t		out[CRYPTO_KEY_LEN];

	memset(out, UNTOUCHED, sizeof(out));
	CHECK(kdf_subkey(key_bytes, "label", out) == unharmed());
	CHECK(unharmed() || holds_nothing(out, sizeof(out)));
}

static void
ready_mac(void)
{
	MacKey	   *key = mac_new(key_bytes);
	uint8_t		out[HASH_LEN];

	memset(out, UNTOUCHED, sizeof(out));
	CHECK((key != NULL && mac_compute(key, "data", 4, out)) == unharmed());
	CHECK(unharmed() || holds_nothing(out, sizeof(out)));
	mac_free(key);
}

static void
hashing(void)
{
	Hash	   *hash = hash_new();
	uint8_t		out[HASH_LEN];

	memset(out, UNTOUCHED, sizeof(out));
	CHECK((hash != NULL && hash_begin(hash) && hash_add(hash, "data", 4) && hash_end(hash, out)) == unharmed());
	CHECK(unharmed() || holds_nothing(out, sizeof(out)));
	hash_free(hash);
}

static void
scram(void)
{
	static const uint8_t salt[SCRAM_SALT_LEN] = "salt";
	char		out[SCRAM_VERIFIER_SIZE];

	memset(out, UNTOUCHED, sizeof(out));
	CHECK(scram_verifier("password", 8, 2, salt, out) == unharmed());
	CHECK(unharmed() || all_bytes(out, sizeof(out), UNTOUCHED));
}

static void
scram_again(void)
{
	CHECK(scram_verifies("pencil", 6, "SCRAM-SHA-256$2:YWJj$CQ3HS/kvr1i+x7HNE7t9n79D9We/Si/2Lmg0kREn9Jc=:ejidwsrP3rZvVW7sUL36cf0JfL0RCstoTlwC8DsEfjY=") == unharmed());
}

static void
md5(void)
{
	CHECK(md5_verifies("pencil", 6, "user", "md520c46e3762c864548e296b33c3406aa9") == unharmed());
}

static char one_room[32768];
static char other_room[32768];
static PemText one;
static PemText other;

static void
begin_texts(void)
{
	one = (PemText) {one_room, sizeof(one_room), 0};
	other = (PemText) {other_room, sizeof(other_room), 0};
}

/* All of both, or nothing of either. */
static void
check_texts(bool ok)
{
	CHECK(ok == unharmed(), "%s", fault.hit);
	if (ok)
		CHECK(one.len > 80 && other.len > 80);
	else
		CHECK(one.len == 0 && other.len == 0
			  && all_bytes(one_room, sizeof(one_room), 0) && all_bytes(other_room, sizeof(other_room), 0), "%s", fault.hit);
}

static void
ssh_key(void)
{
	begin_texts();
	check_texts(openssh_generate("comment", &one, &other) == CRYPTO_OK);
}

static void
ed25519_key(void)
{
	begin_texts();
	check_texts(keypair_generate(KEY_ED25519, &one, &other) == CRYPTO_OK);
}

static void
p256_key(void)
{
	begin_texts();
	check_texts(keypair_generate(KEY_ECDSA_P256, &one, &other) == CRYPTO_OK);
}

static void
rsa_key(void)
{
	begin_texts();
	check_texts(keypair_generate(KEY_RSA_2048, &one, &other) == CRYPTO_OK);
}

/* Made before anything fails; empty until then. */
static char ca_room[32768];
static PemText ca = {ca_room, sizeof(ca_room), 0};

static CertificateRequest
certificate_request(bool is_ca)
{
	static AltName names[2];

	CHECK(alt_name_parse("db.example.com", &names[0]) && alt_name_parse("::1", &names[1]));
	return (CertificateRequest) {
		.algorithm = KEY_ECDSA_P256,.common_name = "a name",.alt_names = names,.nalt_names = 2,.is_ca = is_ca,
		.days = 90,.now = 1800000000,.ca = is_ca ? NULL : ca_room,.ca_len = is_ca ? 0 : ca.len
	};
}

static void
make_ca(void)
{
	CertificateRequest request = certificate_request(true);
	int64_t		until;

	other = (PemText) {other_room, sizeof(other_room), 0};
	CHECK(certificate_generate(&request, &ca, &other, &until) == CERTIFICATE_OK);
	memset(other_room, 0, sizeof(other_room));
	fault.calls = 0;
}

static void
self_signed(void)
{
	CertificateRequest request = certificate_request(true);
	CertificateResult result;
	int64_t		until;

	begin_texts();
	result = certificate_generate(&request, &one, &other, &until);
	check_texts(result == CERTIFICATE_OK);
	CHECK(result == CERTIFICATE_OK || result == CERTIFICATE_BROKEN);
}

static void
self_signed_refused(void)
{
	CertificateRequest request = certificate_request(true);
	int64_t		until;

	CHECK(certificate_generate(&request, &one, &other, &until) == CERTIFICATE_BROKEN && one.len == 0 && other.len == 0);
}

static void
issued(void)
{
	CertificateRequest request = certificate_request(false);
	int64_t		until;

	begin_texts();
	check_texts(certificate_generate(&request, &one, &other, &until) == CERTIFICATE_OK);
}

enum
{
	HIT = 0, WRONG = 1, NOT_HIT = 2
};

/* libcrypto itself leaks words of its own, not ours, where memory runs out in the middle of an extension. */
static bool libcrypto_may_leak;

/* One try in its own process. */
static int
try_in_child(void (*operation) (void), FaultMode mode, int at)
{
	int			status;
	pid_t		pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
	{
		bool		hit;

		check_wrong = 0;
		fault.mode = mode;
		fault.at = at;
		operation();
		/* An operation that went on after its fault has reset it. */
		hit = fault.at == 0 || fault.hit != NULL;
		/* With exit() leaks are looked for on the way out. */
		(libcrypto_may_leak ? _exit : exit) (check_wrong > 0 ? WRONG : hit ? HIT : NOT_HIT);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return WRONG;
	return WEXITSTATUS(status);
}

/* From the first call to the one after the last. */
static int	tries;

static void
fail_each_call(void (*operation) (void), int at_least)
{
	for (int mode = REFUSES; mode <= STAYS_BROKEN; mode++)
		for (int at = 1;; at++)
		{
			int			outcome = try_in_child(operation, (FaultMode) mode, at);

			tries++;
			CHECK(outcome == HIT || outcome == NOT_HIT, "mode %d, call %d: exit code %d", mode, at, outcome);
			if (outcome == NOT_HIT)
			{
				CHECK(at > at_least, "only %d calls", at - 1);
				break;
			}
			if (!CHECK(at < 1000))
				break;
		}
}

static void seal_and_open_faults(void) { fail_each_call(seal_and_open, 18); }
static void seal_in_place_faults(void) { fail_each_call(seal_in_place, 12); }
static void self_test_faults(void) { fail_each_call(self_test, 40); }
static void secret_bytes_faults(void) { fail_each_call(secret_bytes, 1); }
static void public_bytes_faults(void) { fail_each_call(public_bytes, 2); }
static void public_bytes_in_bulk_faults(void) { fail_each_call(public_bytes_in_bulk, 1); }
static void uuid_faults(void) { fail_each_call(uuid, 1); }
static void number_faults(void) { fail_each_call(number, 1); }
static void password_faults(void) { fail_each_call(password, 24); }
static void mac_faults(void) { fail_each_call(mac, 1); }
static void subkey_faults(void) { fail_each_call(subkey, 2); }
static void ready_mac_faults(void) { fail_each_call(ready_mac, 14); }
static void hashing_faults(void) { fail_each_call(hashing, 6); }
static void scram_faults(void) { fail_each_call(scram, 4); }
static void scram_again_faults(void) { fail_each_call(scram_again, 4); }
static void md5_faults(void) { fail_each_call(md5, 6); }
static void ssh_key_faults(void) { fail_each_call(ssh_key, 5); }
static void ed25519_key_faults(void) { fail_each_call(ed25519_key, 4); }
static void p256_key_faults(void) { fail_each_call(p256_key, 9); }
static void rsa_key_faults(void) { fail_each_call(rsa_key, 22); }
static void self_signed_faults(void) { fail_each_call(self_signed, 35); }
static void issued_faults(void) { make_ca(); fail_each_call(issued, 50); }

/* libcrypto's own memory. */
static int	mallocs;
static int	malloc_fails_at;

static void *
counted_malloc(size_t n, const char *file, int line)
{
	(void) file;
	(void) line;
	return ++mallocs == malloc_fails_at ? NULL : malloc(n);
}

static void *
counted_realloc(void *p, size_t n, const char *file, int line)
{
	(void) file;
	(void) line;
	if (n == 0)
	{
		free(p);
		return NULL;
	}
	return ++mallocs == malloc_fails_at ? NULL : realloc(p, n);
}

static void
plain_free(void *p, const char *file, int line)
{
	(void) file;
	(void) line;
	free(p);
}

/*
 * Whatever was short of memory: all right, or broken, and never half.  Only
 * after the self-test, as in a server: libcrypto itself may crash when memory
 * runs out while it starts (3.0 does).
 */
static void
without_memory(void)
{
	uint8_t		plain[PLAIN_LEN];
	uint8_t		box[BOX_OVERHEAD + PLAIN_LEN];
	uint8_t		out[PLAIN_LEN];
	BoxHeader	header = {.kind = BOX_VALUE};
	XaesKey    *key;
	int			fails_at = fault.at;

	fault.at = 0;
	CHECK(crypto_self_test() && random_secret(out, 1) && random_public(out, 1));
	mallocs = 0;
	malloc_fails_at = fails_at;
	memset(plain, 'p', sizeof(plain));
	memset(box, UNTOUCHED, sizeof(box));
	memset(out, UNTOUCHED, sizeof(out));
	key = xaes_new(key_bytes);
	if (key != NULL)
	{
		if (box_seal(key, &header, fields, lengthof(fields), plain, sizeof(plain), box) != CRYPTO_OK)
			CHECK(all_bytes(box, sizeof(box), 0));
		else if (box_open(key, fields, lengthof(fields), box, sizeof(box), out) != CRYPTO_OK)
			CHECK(all_bytes(out, sizeof(out), 0));
		else
			CHECK(memcmp(out, plain, sizeof(plain)) == 0);
		xaes_free(key);
	}
	(void) kdf_subkey(key_bytes, "label", out);
	fault.at = mallocs >= fails_at ? 0 : 1; /* 0: it was hit, as after any other fault */
	malloc_fails_at = 0;
}

/* All or nothing; so many allocations that in short only each 29th fails. */
static void
certificate_without_memory(void)
{
	CertificateRequest request = certificate_request(true);
	int64_t		until;
	int			fails_at = fault.at;

	fault.at = 0;
	begin_texts();
	CHECK(crypto_self_test() && random_public(one_room, 1));
	one_room[0] = '\0';
	mallocs = 0;
	malloc_fails_at = fails_at;
	if (certificate_generate(&request, &one, &other, &until) == CERTIFICATE_OK)
		CHECK(one.len > 80 && other.len > 80);
	else
		CHECK(one.len == 0 && other.len == 0 && all_bytes(one_room, sizeof(one_room), 0));
	fault.at = mallocs >= fails_at ? 0 : 1;
	malloc_fails_at = 0;
}

static int	stride = 29;

static void
certificate_memory_faults(void)
{
	int			at = 1;
	int			outcome;

	libcrypto_may_leak = true;
	while ((outcome = try_in_child(certificate_without_memory, REFUSES, at)) != NOT_HIT && at < 100000)
	{
		CHECK(outcome == HIT, "allocation %d", at);
		at += stride;
		tries++;
	}
	libcrypto_may_leak = false;
	CHECK(at > 1000 && at < 100000, "only %d allocations", at);
}

static void
memory_faults(void)
{
	int			at = 1;

	while (try_in_child(without_memory, REFUSES, at) == HIT)
		at++;
	CHECK(try_in_child(without_memory, REFUSES, at) == NOT_HIT, "allocation %d", at);
	CHECK(at > 5, "only %d allocations", at - 1);
	tries += at;
	printf("fault: %d allocations of libcrypto failed in turn\n", at - 1);
}

/*
 * A libcrypto that is told to use a FIPS provider, and has none: this program
 * again, under such a configuration.  Nothing may work, and nothing may crash.
 */
static int
refuses_everything(void)
{
	uint8_t		out[CRYPTO_KEY_LEN];

	CHECK(!crypto_self_test());
	CHECK(xaes_new(key_bytes) == NULL);
	memset(out, UNTOUCHED, sizeof(out));
	CHECK(!kdf_subkey(key_bytes, "label", out) && holds_nothing(out, sizeof(out)));
	for (KeyAlgorithm algorithm = KEY_ED25519; algorithm <= KEY_RSA_4096; algorithm++)
	{
		begin_texts();
		CHECK(keypair_generate(algorithm, &one, &other) == CRYPTO_BROKEN && one.len == 0 && other.len == 0);
	}
	CHECK(openssh_generate("comment", &one, &other) == CRYPTO_BROKEN && one.len == 0 && other.len == 0);
	self_signed_refused();
	return check_wrong > 0;
}

static const char *this_program;

static void
missing_fips_provider(void)
{
	static const char configuration[] =
		"openssl_conf = init\n[init]\nalg_section = algorithms\n"
		"[algorithms]\ndefault_properties = fips=yes\n";
	char		path[4096];
	FILE	   *file;
	int			status = -1;
	pid_t		pid;

	snprintf(path, sizeof(path), "%s.cnf", this_program);
	file = fopen(path, "w");
	if (!CHECK(file != NULL))
		return;
	fputs(configuration, file);
	fclose(file);
	pid = fork();
	if (pid == 0)
	{
		setenv("OPENSSL_CONF", path, 1);
		execl(this_program, this_program, "refuses-everything", (char *) NULL);
		_exit(127);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(status == 0, "status %x", (unsigned) status);
	unlink(path);
}

int
main(int argc, char **argv)
{
	this_program = argv[0];
	if (!CRYPTO_set_mem_functions(counted_malloc, counted_realloc, plain_free))
		return 1;
	if (argc > 1 && strcmp(argv[1], "refuses-everything") == 0)
		return refuses_everything();
	if (argc > 1 && strcmp(argv[1], "long") == 0)
		stride = 1;

	RUN(seal_and_open_faults);
	RUN(seal_in_place_faults);
	RUN(self_test_faults);
	RUN(secret_bytes_faults);
	RUN(public_bytes_faults);
	RUN(public_bytes_in_bulk_faults);
	RUN(uuid_faults);
	RUN(number_faults);
	RUN(password_faults);
	RUN(mac_faults);
	RUN(subkey_faults);
	RUN(ready_mac_faults);
	RUN(hashing_faults);
	RUN(scram_faults);
	RUN(scram_again_faults);
	RUN(md5_faults);
	RUN(ssh_key_faults);
	RUN(ed25519_key_faults);
	RUN(p256_key_faults);
	RUN(rsa_key_faults);
	RUN(self_signed_faults);
	RUN(memory_faults);
	RUN(certificate_memory_faults);
	RUN(missing_fips_provider);
	RUN(issued_faults);
	printf("fault: %d processes, one fault each\n", tries);
	return check_summary("fault");
}
