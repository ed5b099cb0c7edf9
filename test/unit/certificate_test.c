/*
 * certificate_test.c: certificates read back, verified as TLS would, and every
 * reason not to sign one.
 */
#include "crypto/certificate.h"

#include "check.h"

#include <openssl/asn1.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <time.h>

#define NOW		INT64_C(1800000000)		/* in January 2027 */
#define DAY		INT64_C(86400)
#define ROOM	400000

typedef struct Made
{
	char		with_key_room[ROOM];
	char		alone_room[ROOM];
	PemText		with_key;
	PemText		alone;
	int64_t		until;
} Made;

/* They are large. */
static Made root;
static Made middle;
static Made leaf;

static CertificateResult
make(Made *made, const CertificateRequest *request)
{
	memset(made->with_key_room, 0, sizeof(made->with_key_room));
	memset(made->alone_room, 0, sizeof(made->alone_room));
	CHECK(certificate_room(request) < ROOM);
	made->with_key = (PemText) {made->with_key_room, certificate_room(request), 0};
	made->alone = (PemText) {made->alone_room, certificate_room(request), 0};
	return certificate_generate(request, &made->with_key, &made->alone, &made->until);
}

static bool
left_nothing(const Made *made)
{
	return made->with_key.len == 0 && made->alone.len == 0
		&& all_bytes(made->with_key_room, ROOM, 0) && all_bytes(made->alone_room, ROOM, 0);
}

static CertificateRequest
request_for(const char *common_name, KeyAlgorithm algorithm, const Made *ca)
{
	return (CertificateRequest) {
		.common_name = common_name,.algorithm = algorithm,.days = 90,.now = NOW,
		.ca = ca ? ca->with_key_room : NULL,.ca_len = ca ? ca->with_key.len : 0
	};
}

static CertificateResult
make_ca(Made *made, KeyAlgorithm algorithm, const Made *ca)
{
	CertificateRequest request = request_for("Some CA", algorithm, ca);

	request.is_ca = true;
	request.days = 3650;
	return make(made, &request);
}

/* ---- reading back ---- */

/* The nth certificate of a text, or NULL. */
static X509 *
read_certificate(const PemText *text, int n)
{
	BIO		   *in = BIO_new_mem_buf(text->data, (int) text->len);
	X509	   *found = NULL;

	for (int i = 0; i <= n; i++)
	{
		X509_free(found);
		found = PEM_read_bio_X509(in, NULL, NULL, NULL);
		if (found == NULL)
			break;
	}
	BIO_free(in);
	return found;
}

static EVP_PKEY *
read_key(const PemText *text)
{
	BIO		   *in = BIO_new_mem_buf(text->data, (int) text->len);
	EVP_PKEY   *key = PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);

	BIO_free(in);
	return key;
}

static int
count_certificates(const PemText *text)
{
	int			n = 0;
	X509	   *certificate;

	while ((certificate = read_certificate(text, n)) != NULL)
	{
		X509_free(certificate);
		n++;
	}
	return n;
}

/* As a TLS client would, at that time; 0: it is good. */
static int
verify(const Made *made, const Made *trusted, int purpose, int64_t at, const char *host)
{
	X509	   *certificate = read_certificate(&made->with_key, 0);
	X509	   *anchor = read_certificate(&trusted->alone, 0);
	STACK_OF(X509) *others = sk_X509_new_null();
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	X509_VERIFY_PARAM *param;
	X509	   *next;
	int			error;

	for (int i = 1; (next = read_certificate(&made->with_key, i)) != NULL; i++)
		sk_X509_push(others, next);
	X509_STORE_add_cert(store, anchor);
	X509_STORE_CTX_init(context, store, certificate, others);
	param = X509_STORE_CTX_get0_param(context);
	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT | X509_V_FLAG_CHECK_SS_SIGNATURE | X509_V_FLAG_POLICY_CHECK);
	X509_VERIFY_PARAM_set_time(param, (time_t) at);
	X509_VERIFY_PARAM_set_purpose(param, purpose);
	if (host)
		X509_VERIFY_PARAM_set1_host(param, host, 0);
	error = X509_verify_cert(context) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(context);
	X509_STORE_CTX_free(context);
	X509_STORE_free(store);
	sk_X509_pop_free(others, X509_free);
	X509_free(anchor);
	X509_free(certificate);
	return error;
}

static bool
is_time(const ASN1_TIME *time, int64_t seconds)
{
	return ASN1_TIME_cmp_time_t(time, (time_t) seconds) == 0;
}

static bool
is_critical(X509 *certificate, int nid)
{
	int			at = X509_get_ext_by_NID(certificate, nid, -1);

	return at >= 0 && X509_EXTENSION_get_critical(X509_get_ext(certificate, at)) == 1;
}

/* Positive, and of some hundred random bits. */
static bool
has_serial(const X509 *certificate)
{
	BIGNUM	   *serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
	bool		ok = !BN_is_negative(serial) && BN_num_bits(serial) > 100 && BN_num_bits(serial) <= 128;

	BN_free(serial);
	return ok;
}

static const KeyAlgorithm algorithms[] = {KEY_ECDSA_P256, KEY_ED25519, KEY_RSA_2048};
static const uint32_t usages[] = {
	KU_DIGITAL_SIGNATURE, KU_DIGITAL_SIGNATURE, KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT
};

static void
self_signed(void)
{
	for (size_t i = 0; i < lengthof(algorithms); i++)
	{
		CertificateRequest request = request_for("db.example.com", algorithms[i], NULL);
		AltName		name;
		X509	   *certificate;
		EVP_PKEY   *key;
		char		common_name[100];

		CHECK(alt_name_parse("db.example.com", &name));
		request.alt_names = &name;
		request.nalt_names = 1;
		CHECK(make(&leaf, &request) == CERTIFICATE_OK);
		certificate = read_certificate(&leaf.with_key, 0);
		key = read_key(&leaf.with_key);
		CHECK(X509_check_private_key(certificate, key) == 1);
		CHECK(X509_verify(certificate, key) == 1);
		CHECK(count_certificates(&leaf.with_key) == 1 && count_certificates(&leaf.alone) == 1);
		CHECK(leaf.with_key.len > leaf.alone.len
			  && memcmp(leaf.with_key_room + leaf.with_key.len - leaf.alone.len, leaf.alone_room, leaf.alone.len) == 0);
		CHECK(strncmp(leaf.with_key_room, "-----BEGIN PRIVATE KEY-----\n", 28) == 0);
		CHECK(strncmp(leaf.alone_room, "-----BEGIN CERTIFICATE-----\n", 28) == 0);

		CHECK(X509_get_version(certificate) == X509_VERSION_3);
		CHECK(has_serial(certificate));
		CHECK(X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, common_name, sizeof(common_name)) > 0
			  && strcmp(common_name, "db.example.com") == 0);
		CHECK(X509_NAME_cmp(X509_get_subject_name(certificate), X509_get_issuer_name(certificate)) == 0);
		CHECK(is_time(X509_get0_notBefore(certificate), NOW - 300));
		CHECK(is_time(X509_get0_notAfter(certificate), NOW + 90 * DAY) && leaf.until == NOW + 90 * DAY);
		CHECK(X509_check_ca(certificate) == 0);
		CHECK(is_critical(certificate, NID_basic_constraints) && is_critical(certificate, NID_key_usage));
		CHECK(X509_get_key_usage(certificate) == usages[i], "%x", X509_get_key_usage(certificate));
		CHECK(X509_get_extended_key_usage(certificate) == (XKU_SSL_SERVER | XKU_SSL_CLIENT));
		CHECK(X509_get0_subject_key_id(certificate) != NULL);

		CHECK(verify(&leaf, &leaf, X509_PURPOSE_SSL_SERVER, NOW, "db.example.com") == X509_V_OK);
		CHECK(verify(&leaf, &leaf, X509_PURPOSE_SSL_SERVER, NOW, "db2.example.com") == X509_V_ERR_HOSTNAME_MISMATCH);
		CHECK(verify(&leaf, &leaf, X509_PURPOSE_SSL_SERVER, NOW + 91 * DAY, NULL) == X509_V_ERR_CERT_HAS_EXPIRED);
		CHECK(verify(&leaf, &leaf, X509_PURPOSE_SSL_SERVER, NOW - 400, NULL) == X509_V_ERR_CERT_NOT_YET_VALID);
		EVP_PKEY_free(key);
		X509_free(certificate);
	}
}

/* Every kind of key under every other. */
static void
issued(void)
{
	for (size_t i = 0; i < lengthof(algorithms); i++)
	{
		X509	   *ca;

		CHECK(make_ca(&root, algorithms[i], NULL) == CERTIFICATE_OK);
		ca = read_certificate(&root.alone, 0);
		CHECK(X509_check_ca(ca) == 1 && X509_get_pathlen(ca) == -1);
		CHECK(X509_get_key_usage(ca) == (KU_KEY_CERT_SIGN | KU_CRL_SIGN));
		CHECK(X509_get_extended_key_usage(ca) == UINT32_MAX);
		CHECK(is_critical(ca, NID_basic_constraints) && is_critical(ca, NID_key_usage));
		CHECK(verify(&root, &root, X509_PURPOSE_ANY, NOW, NULL) == X509_V_OK);
		for (size_t j = 0; j < lengthof(algorithms); j++)
		{
			CertificateRequest request = request_for("app", algorithms[j], &root);
			X509	   *certificate;
			X509	   *second;

			CHECK(make(&leaf, &request) == CERTIFICATE_OK);
			certificate = read_certificate(&leaf.alone, 0);
			second = read_certificate(&leaf.with_key, 1);
			CHECK(count_certificates(&leaf.with_key) == 2 && X509_cmp(second, ca) == 0);
			CHECK(X509_get0_authority_key_id(certificate) != NULL
				  && ASN1_OCTET_STRING_cmp(X509_get0_authority_key_id(certificate), X509_get0_subject_key_id(ca)) == 0);
			CHECK(verify(&leaf, &root, X509_PURPOSE_SSL_SERVER, NOW, NULL) == X509_V_OK, "%zu under %zu", j, i);
			CHECK(verify(&leaf, &root, X509_PURPOSE_SSL_CLIENT, NOW, NULL) == X509_V_OK, "%zu under %zu", j, i);
			X509_free(second);
			X509_free(certificate);
		}
		X509_free(ca);
	}
}

static void
through_the_middle(void)
{
	CertificateRequest request;

	CHECK(make_ca(&root, KEY_ECDSA_P256, NULL) == CERTIFICATE_OK);
	CHECK(make_ca(&middle, KEY_ED25519, &root) == CERTIFICATE_OK);
	CHECK(count_certificates(&middle.with_key) == 2);
	request = request_for("app", KEY_ECDSA_P256, &middle);
	CHECK(make(&leaf, &request) == CERTIFICATE_OK);
	CHECK(count_certificates(&leaf.with_key) == 3);
	CHECK(verify(&leaf, &root, X509_PURPOSE_SSL_SERVER, NOW, NULL) == X509_V_OK);
	CHECK(verify(&leaf, &middle, X509_PURPOSE_SSL_SERVER, NOW, NULL) != X509_V_OK);	/* not an anchor by itself */
}

/* One under the other, until there are too many. */
static void
long_chains(void)
{
	static Made chain[2];
	int			n = 1;

	CHECK(make_ca(&chain[0], KEY_ED25519, NULL) == CERTIFICATE_OK);
	while (n < 20 && make_ca(&chain[n % 2], KEY_ED25519, &chain[1 - n % 2]) == CERTIFICATE_OK)
		n++;
	CHECK(n == CERTIFICATE_CHAIN_MAX + 1, "%d", n);
	CHECK(make_ca(&chain[n % 2], KEY_ED25519, &chain[1 - n % 2]) == CERTIFICATE_NOT_PEM && left_nothing(&chain[n % 2]));
}

static void
never_longer_than_the_ca(void)
{
	CertificateRequest request = request_for("Some CA", KEY_ED25519, NULL);
	X509	   *certificate;

	request.is_ca = true;
	request.days = 10;
	CHECK(make(&root, &request) == CERTIFICATE_OK && root.until == NOW + 10 * DAY);

	request = request_for("app", KEY_ED25519, &root);
	CHECK(make(&leaf, &request) == CERTIFICATE_OK && leaf.until == NOW + 10 * DAY);
	certificate = read_certificate(&leaf.alone, 0);
	CHECK(is_time(X509_get0_notAfter(certificate), NOW + 10 * DAY));
	X509_free(certificate);
	request.is_ca = true;
	CHECK(make(&leaf, &request) == CERTIFICATE_OK && leaf.until == NOW + 10 * DAY);
	request.is_ca = false;
	request.days = 9;
	CHECK(make(&leaf, &request) == CERTIFICATE_OK && leaf.until == NOW + 9 * DAY);

	/* The last second, the one after it, and before the first. */
	request.now = NOW + 10 * DAY - 1;
	CHECK(make(&leaf, &request) == CERTIFICATE_OK && leaf.until == NOW + 10 * DAY);
	request.now = NOW + 10 * DAY;
	CHECK(make(&leaf, &request) == CERTIFICATE_CA_EXPIRED && left_nothing(&leaf));
	request.now = NOW - 300;
	CHECK(make(&leaf, &request) == CERTIFICATE_OK);
	request.now = NOW - 301;
	CHECK(make(&leaf, &request) == CERTIFICATE_CA_EXPIRED && left_nothing(&leaf));
}

/* Beyond 2049 times are written otherwise. */
static void
far_away(void)
{
	CertificateRequest request = request_for("app", KEY_ED25519, NULL);
	X509	   *certificate;

	request.days = 36500;
	CHECK(make(&leaf, &request) == CERTIFICATE_OK && leaf.until == NOW + 36500 * DAY);
	certificate = read_certificate(&leaf.alone, 0);
	CHECK(is_time(X509_get0_notAfter(certificate), NOW + 36500 * DAY));
	CHECK(X509_get0_notAfter(certificate)->type == V_ASN1_GENERALIZEDTIME);
	CHECK(X509_get0_notBefore(certificate)->type == V_ASN1_UTCTIME);
	X509_free(certificate);
}

static void
alternative_names(void)
{
	static const char *const texts[] = {"db1.example.com", "*.example.org", "10.1.2.3", "2001:db8::1", "localhost"};
	AltName		names[100];
	CertificateRequest request = request_for("app", KEY_ECDSA_P256, NULL);
	X509	   *certificate;
	GENERAL_NAMES *found;

	for (size_t i = 0; i < lengthof(texts); i++)
		CHECK(alt_name_parse(texts[i], &names[i]));
	request.alt_names = names;
	request.nalt_names = lengthof(texts);
	CHECK(make(&leaf, &request) == CERTIFICATE_OK);
	certificate = read_certificate(&leaf.alone, 0);
	CHECK(X509_check_host(certificate, "db1.example.com", 0, 0, NULL) == 1);
	CHECK(X509_check_host(certificate, "a.example.org", 0, 0, NULL) == 1);
	CHECK(X509_check_host(certificate, "localhost", 0, 0, NULL) == 1);
	CHECK(X509_check_host(certificate, "db2.example.com", 0, 0, NULL) == 0);
	CHECK(X509_check_ip_asc(certificate, "10.1.2.3", 0) == 1);
	CHECK(X509_check_ip_asc(certificate, "2001:db8:0::1", 0) == 1);
	CHECK(X509_check_ip_asc(certificate, "10.1.2.4", 0) == 0);
	found = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	CHECK(sk_GENERAL_NAME_num(found) == (int) lengthof(texts));
	GENERAL_NAMES_free(found);
	X509_free(certificate);

	/* As many as there may be, as long as they may be, as large a key as there is, under a CA that has them too. */
	for (size_t i = 0; i < lengthof(names); i++)
	{
		names[i] = (AltName) {.len = DNS_NAME_MAX};
		memset(names[i].bytes, 'a', DNS_NAME_MAX);
	}
	request.nalt_names = lengthof(names);
	request.algorithm = KEY_RSA_4096;
	request.is_ca = true;
	CHECK(make(&root, &request) == CERTIFICATE_OK);
	request.ca = root.with_key_room;
	request.ca_len = root.with_key.len;
	request.algorithm = KEY_ED25519;
	CHECK(make(&leaf, &request) == CERTIFICATE_OK);
	CHECK(leaf.with_key.len < leaf.with_key.room - 1000 && leaf.alone.len < leaf.alone.room - 1000);

	/* None at all. */
	request.nalt_names = 0;
	CHECK(make(&leaf, &request) == CERTIFICATE_OK);
	certificate = read_certificate(&leaf.alone, 0);
	CHECK(X509_get_ext_by_NID(certificate, NID_subject_alt_name, -1) < 0);
	X509_free(certificate);
}

static int
by_value(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

static void
serials_differ(void)
{
	static uint8_t serials[500][16];

	for (size_t i = 0; i < lengthof(serials); i++)
	{
		CertificateRequest request = request_for("app", KEY_ED25519, NULL);
		X509	   *certificate;
		BIGNUM	   *serial;

		CHECK(make(&leaf, &request) == CERTIFICATE_OK);
		certificate = read_certificate(&leaf.alone, 0);
		CHECK(has_serial(certificate));
		serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
		CHECK(BN_bn2binpad(serial, serials[i], 16) == 16);
		BN_free(serial);
		X509_free(certificate);
	}
	qsort(serials, lengthof(serials), 16, by_value);
	for (size_t i = 1; i < lengthof(serials); i++)
		CHECK(memcmp(serials[i - 1], serials[i], 16) != 0);
}

/* ---- CAs that others made ---- */

typedef struct Foreign
{
	const char *basic_constraints;	/* NULL: none; the same for all */
	const char *key_usage;
	const char *subject_key_id;
	long		version;
	EVP_PKEY   *(*make_key) (void);
	const char *passphrase;
	bool		traditional;
	bool		other_key;		/* the key in the file is another one */
	const char *between;		/* text between the two */
} Foreign;

static EVP_PKEY *make_p384(void) { return EVP_EC_gen("P-384"); }
static EVP_PKEY *make_p256(void) { return EVP_EC_gen("P-256"); }
static EVP_PKEY *make_rsa(void) { return EVP_RSA_gen(2048); }
static EVP_PKEY *make_ed448(void) { return EVP_PKEY_Q_keygen(NULL, NULL, "ED448"); }

static void
add_extension(X509 *certificate, int nid, const char *words)
{
	X509V3_CTX	context;
	X509_EXTENSION *extension;

	if (words == NULL)
		return;
	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, words);
	CHECK(extension != NULL && X509_add_ext(certificate, extension, -1) == 1);
	X509_EXTENSION_free(extension);
}

static void
write_foreign(const Foreign *foreign, EVP_PKEY *key, X509 *certificate, Made *made)
{
	EVP_PKEY   *written = foreign->other_key ? foreign->make_key() : key;
	BIO		   *out = BIO_new(BIO_s_mem());
	const EVP_CIPHER *cipher = foreign->passphrase ? EVP_aes_256_cbc() : NULL;
	char	   *data;

	if (foreign->traditional)
		CHECK(PEM_write_bio_PrivateKey_traditional(out, written, cipher, NULL, 0, NULL, (void *) foreign->passphrase) == 1);
	else
		CHECK(PEM_write_bio_PKCS8PrivateKey(out, written, cipher, NULL, 0, NULL, (void *) foreign->passphrase) == 1);
	if (foreign->between)
		BIO_puts(out, foreign->between);
	CHECK(PEM_write_bio_X509(out, certificate) == 1);
	made->with_key.len = (size_t) BIO_get_mem_data(out, &data);
	memcpy(made->with_key_room, data, made->with_key.len);
	BIO_reset(out);
	CHECK(PEM_write_bio_X509(out, certificate) == 1);
	made->alone.len = (size_t) BIO_get_mem_data(out, &data);
	memcpy(made->alone_room, data, made->alone.len);
	made->alone.data = made->alone_room;
	made->with_key.data = made->with_key_room;
	BIO_free(out);
	if (foreign->other_key)
		EVP_PKEY_free(written);
}

static void
make_foreign(const Foreign *foreign, Made *made)
{
	EVP_PKEY   *key = foreign->make_key();
	X509	   *certificate = X509_new();
	X509_NAME  *name = X509_get_subject_name(certificate);

	X509_set_version(certificate, foreign->version);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 7);
	X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const unsigned char *) "B\xc3\xbcro", -1, -1, 0);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *) "Foreign CA", -1, -1, 0);
	X509_set_issuer_name(certificate, name);
	ASN1_TIME_set(X509_getm_notBefore(certificate), NOW - DAY);
	ASN1_TIME_set(X509_getm_notAfter(certificate), NOW + 365 * DAY);
	X509_set_pubkey(certificate, key);
	add_extension(certificate, NID_basic_constraints, foreign->basic_constraints);
	add_extension(certificate, NID_key_usage, foreign->key_usage);
	add_extension(certificate, NID_subject_key_identifier, foreign->subject_key_id);
	CHECK(X509_sign(certificate, key, EVP_PKEY_is_a(key, "ED448") ? NULL : EVP_sha384()) > 0);
	write_foreign(foreign, key, certificate, made);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

static CertificateResult
sign_by_foreign(const Foreign *foreign, bool another_ca)
{
	CertificateRequest request;
	CertificateResult result;

	make_foreign(foreign, &root);
	request = request_for("app", KEY_ECDSA_P256, &root);
	request.is_ca = another_ca;
	result = make(&leaf, &request);
	CHECK(result == CERTIFICATE_OK || left_nothing(&leaf));
	return result;
}

#define GOOD_CA \
	.basic_constraints = "critical,CA:TRUE",.key_usage = "critical,keyCertSign",.subject_key_id = "hash",.version = X509_VERSION_3

static void
good_foreign_cas(void)
{
	static const Foreign good[] = {
		{GOOD_CA,.make_key = make_p384},
		{GOOD_CA,.make_key = make_p384,.traditional = true},
		{GOOD_CA,.make_key = make_rsa,.traditional = true},
		{GOOD_CA,.make_key = make_rsa,.between = "subject=some words\n\n"},
		{GOOD_CA,.make_key = make_ed448},
		{.basic_constraints = "critical,CA:TRUE,pathlen:0",.key_usage = "keyCertSign,cRLSign",.subject_key_id = "hash",
		.version = X509_VERSION_3,.make_key = make_p256},
		/* No usage said is every usage. */
		{.basic_constraints = "CA:TRUE",.subject_key_id = "hash",.version = X509_VERSION_3,.make_key = make_p256},
	};

	for (size_t i = 0; i < lengthof(good); i++)
	{
		CHECK(sign_by_foreign(&good[i], false) == CERTIFICATE_OK, "%zu", i);
		/* Some of these are no good to whoever is strict, for what they are, not for what we made. */
		CHECK(count_certificates(&leaf.with_key) == 2, "%zu", i);
		if (good[i].key_usage && strncmp(good[i].key_usage, "critical", 8) == 0)
			CHECK(verify(&leaf, &root, X509_PURPOSE_SSL_SERVER, NOW, NULL) == X509_V_OK, "%zu", i);
	}
	/* One without a name for its key. */
	CHECK(sign_by_foreign(&(Foreign) {
						  .basic_constraints = "critical,CA:TRUE",.key_usage = "critical,keyCertSign",.version = X509_VERSION_3,
						  .make_key = make_p256}, false) == CERTIFICATE_OK);
}

static void
refused_cas(void)
{
	static const struct
	{
		CertificateResult result;
		Foreign		ca;
	}			refused[] = {
		{CERTIFICATE_NOT_PEM, {GOOD_CA,.make_key = make_p256,.other_key = true}},
		{CERTIFICATE_NOT_PEM, {GOOD_CA,.make_key = make_p256,.passphrase = "canary"}},
		{CERTIFICATE_NOT_PEM, {GOOD_CA,.make_key = make_rsa,.passphrase = "canary",.traditional = true}},
		{CERTIFICATE_NOT_PEM, {GOOD_CA,.make_key = make_p256,.between = "-----BEGIN CERTIFICATE-----\nAAAA\n"}},
		{CERTIFICATE_NOT_CA, {.version = X509_VERSION_3,.make_key = make_p256}},
		{CERTIFICATE_NOT_CA, {.version = X509_VERSION_1,.make_key = make_p256}},
		{CERTIFICATE_NOT_CA, {.version = X509_VERSION_3,.basic_constraints = "critical,CA:FALSE",.key_usage = "keyCertSign",.make_key = make_p256}},
		{CERTIFICATE_NOT_CA, {.version = X509_VERSION_3,.key_usage = "keyCertSign",.make_key = make_p256}},
		{CERTIFICATE_NOT_CA, {.version = X509_VERSION_3,.basic_constraints = "critical,CA:TRUE",.key_usage = "critical,cRLSign,digitalSignature",.make_key = make_p256}},
	};

	for (size_t i = 0; i < lengthof(refused); i++)
	{
		CertificateResult result = sign_by_foreign(&refused[i].ca, false);

		CHECK(result == refused[i].result, "%zu: %d", i, result);
	}
	/* It may sign, but nobody who may sign. */
	CHECK(sign_by_foreign(&(Foreign) {
						  .basic_constraints = "critical,CA:TRUE,pathlen:0",.key_usage = "critical,keyCertSign",.version = X509_VERSION_3,
						  .make_key = make_p256}, true) == CERTIFICATE_NOT_CA);
}

static CertificateResult
sign_by_text(const char *text, size_t len)
{
	char	   *copy = exact_copy(text, len);
	CertificateRequest request = request_for("app", KEY_ED25519, NULL);
	CertificateResult result;

	request.ca = copy;
	request.ca_len = len;
	result = make(&leaf, &request);
	CHECK(result == CERTIFICATE_OK || left_nothing(&leaf));
	free(copy);
	return result;
}

static void
no_ca_at_all(void)
{
	CertificateRequest request = request_for("not a CA", KEY_ECDSA_P256, NULL);
	char	   *swapped;

	CHECK(sign_by_text("", 0) == CERTIFICATE_NOT_PEM);
	CHECK(sign_by_text("a password", 10) == CERTIFICATE_NOT_PEM);
	CHECK(sign_by_text("-----BEGIN PRIVATE KEY-----\n", 28) == CERTIFICATE_NOT_PEM);
	CHECK(sign_by_text("\0\0\0\0", 4) == CERTIFICATE_NOT_PEM);
	CHECK(make(&root, &request) == CERTIFICATE_OK);
	CHECK(sign_by_text(root.with_key_room, root.with_key.len) == CERTIFICATE_NOT_CA);
	CHECK(sign_by_text(root.alone_room, root.alone.len) == CERTIFICATE_NOT_PEM);
	CHECK(make_ca(&root, KEY_ECDSA_P256, NULL) == CERTIFICATE_OK);
	CHECK(sign_by_text(root.alone_room, root.alone.len) == CERTIFICATE_NOT_PEM);	/* without its key */
	CHECK(sign_by_text(root.with_key_room, root.with_key.len - root.alone.len) == CERTIFICATE_NOT_PEM);	/* without its certificate */

	/* In which order they come does not matter. */
	swapped = malloc(root.with_key.len);
	memcpy(swapped, root.alone_room, root.alone.len);
	memcpy(swapped + root.alone.len, root.with_key_room, root.with_key.len - root.alone.len);
	CHECK(sign_by_text(swapped, root.with_key.len) == CERTIFICATE_OK);
	free(swapped);
}

/* Every byte of it wrong, and every end of it missing: refused, or it is a CA all the same, and never a crash. */
static void
damaged_cas(void)
{
	static char text[ROOM];
	int			refused = 0;
	size_t		len;

	CHECK(make_ca(&root, KEY_ED25519, NULL) == CERTIFICATE_OK);
	len = root.with_key.len;
	for (size_t i = 0; i < len; i++)
	{
		memcpy(text, root.with_key_room, len);
		text[i] ^= 1;
		refused += sign_by_text(text, len) != CERTIFICATE_OK;
		text[i] ^= 0x81;
		refused += sign_by_text(text, len) != CERTIFICATE_OK;
		if (i < len - 1)
			CHECK(sign_by_text(root.with_key_room, i) == CERTIFICATE_NOT_PEM, "%zu", i);
	}
	/* What is in its names, dates and signature is its own affair. */
	CHECK(refused > (int) len, "%d of %zu", refused, 2 * len);
}

int
main(void)
{
	RUN(self_signed);
	RUN(issued);
	RUN(through_the_middle);
	RUN(long_chains);
	RUN(never_longer_than_the_ca);
	RUN(far_away);
	RUN(alternative_names);
	RUN(serials_differ);
	RUN(good_foreign_cas);
	RUN(refused_cas);
	RUN(no_ca_at_all);
	RUN(damaged_cas);
	return check_summary("certificate");
}
