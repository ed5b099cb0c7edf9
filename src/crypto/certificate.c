/*
 * crypto/certificate.c
 */
#include "crypto/certificate.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#include "crypto/random.h"
#include "crypto/read_pem.h"

#define SERIAL_LEN		16
#define SECONDS_A_DAY	((int64_t) 24 * 60 * 60)
#define CLOCK_SKEW		((int64_t) 5 * 60)	/* others' clocks may be behind by that */

/* ---- who signs ---- */

typedef struct Authority
{
	EVP_PKEY   *key;
	X509	   *chain[CERTIFICATE_CHAIN_MAX];	/* its own, and those above it */
	int			nchain;			/* 0: nobody, it signs itself */
	int64_t		until;
} Authority;

static void
free_authority(Authority *authority)
{
	EVP_PKEY_free(authority->key);
	for (int i = 0; i < authority->nchain; i++)
		X509_free(authority->chain[i]);
}

/* All that there are, and each of them whole.  Nothing else is shown to libcrypto, which would leave copies of the key. */
static bool
read_chain(const CertificateRequest *request, Authority *authority)
{
	const char *at = request->ca;
	PemBlock	block;
	bool		broken;

	while (pem_next(&at, request->ca + request->ca_len, &block, &broken))
	{
		if (!is_certificate(&block))
			continue;
		if (authority->nchain == CERTIFICATE_CHAIN_MAX)
			return false;
		if ((authority->chain[authority->nchain] = read_certificate(&block)) == NULL)
			return false;
		authority->nchain++;
	}
	return !broken && authority->nchain > 0;
}

static bool
seconds_of(const ASN1_TIME *time, int64_t *seconds)
{
	struct tm	tm;

	if (ASN1_TIME_to_tm(time, &tm) != 1)
		return false;
	*seconds = timegm(&tm);
	return true;
}

static bool
may_sign(X509 *certificate, bool a_ca)
{
	return X509_check_ca(certificate) == 1
		&& (X509_get_key_usage(certificate) & KU_KEY_CERT_SIGN)
		&& !(a_ca && X509_get_pathlen(certificate) == 0);
}

static CertificateResult
read_authority(const CertificateRequest *request, Authority *authority)
{
	int64_t		from;

	authority->key = read_private_key(request->ca, request->ca_len);
	if (authority->key == NULL || !read_chain(request, authority)
		|| X509_check_private_key(authority->chain[0], authority->key) != 1
		|| !seconds_of(X509_get0_notBefore(authority->chain[0]), &from)
		|| !seconds_of(X509_get0_notAfter(authority->chain[0]), &authority->until))
		return CERTIFICATE_NOT_PEM;
	if (!may_sign(authority->chain[0], request->is_ca))
		return CERTIFICATE_NOT_CA;
	if (request->now < from || request->now >= authority->until)
		return CERTIFICATE_CA_EXPIRED;
	return CERTIFICATE_OK;
}

/* ---- what it says ---- */

static bool
set_serial(X509 *certificate)
{
	uint8_t		bytes[SERIAL_LEN];
	BIGNUM	   *number = random_public(bytes, sizeof(bytes)) ? BN_bin2bn(bytes, sizeof(bytes), NULL) : NULL;
	bool		ok = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;

	BN_free(number);
	return ok;
}

static bool
set_names(X509 *certificate, const CertificateRequest *request, const Authority *authority)
{
	X509_NAME  *name = X509_get_subject_name(certificate);
	const X509 *ca = authority->nchain > 0 ? authority->chain[0] : certificate;

	return X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
									  (const unsigned char *) request->common_name, -1, -1, 0) == 1
		&& X509_set_issuer_name(certificate, X509_get_subject_name(ca)) == 1;
}

static bool
set_times(X509 *certificate, const CertificateRequest *request, int64_t until)
{
	return ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t) (request->now - CLOCK_SKEW)) != NULL
		&& ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t) until) != NULL;
}

/* In the words of openssl.cnf: ours, never a user's. */
static bool
add_extension(X509 *certificate, int nid, const char *words)
{
	X509V3_CTX	context;
	X509_EXTENSION *extension;
	bool		ok;

	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, words);
	ok = extension && X509_add_ext(certificate, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return ok;
}

static GENERAL_NAME *
make_general_name(const AltName *name)
{
	GENERAL_NAME *general = GENERAL_NAME_new();
	ASN1_STRING *value = ASN1_STRING_type_new(name->is_address ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);

	if (general && value && ASN1_STRING_set(value, name->bytes, (int) name->len) == 1)
	{
		GENERAL_NAME_set0_value(general, name->is_address ? GEN_IPADD : GEN_DNS, value);
		return general;
	}
	ASN1_STRING_free(value);
	GENERAL_NAME_free(general);
	return NULL;
}

static bool
add_general_name(GENERAL_NAMES *names, const AltName *name)
{
	GENERAL_NAME *general = make_general_name(name);

	if (general && sk_GENERAL_NAME_push(names, general) > 0)
		return true;
	GENERAL_NAME_free(general);
	return false;
}

static bool
add_alt_names(X509 *certificate, const AltName *alt_names, int n)
{
	GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
	bool		ok = names != NULL;

	for (int i = 0; ok && i < n; i++)
		ok = add_general_name(names, &alt_names[i]);
	ok = ok && (n == 0 || X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1);
	GENERAL_NAMES_free(names);
	return ok;
}

/* The CA's key, by the name that it has for it; one that has none is found by its subject. */
static bool
add_authority_key(X509 *certificate, X509 *ca)
{
	const ASN1_OCTET_STRING *name = X509_get0_subject_key_id(ca);
	AUTHORITY_KEYID *id;
	bool		ok;

	if (name == NULL)
		return true;
	id = AUTHORITY_KEYID_new();
	ok = id && (id->keyid = ASN1_OCTET_STRING_dup(name)) != NULL
		&& X509_add1_ext_i2d(certificate, NID_authority_key_identifier, id, 0, X509V3_ADD_DEFAULT) == 1;
	AUTHORITY_KEYID_free(id);
	return ok;
}

/* RSA keys are also encrypted to, by old TLS. */
static const char *
key_usage(const CertificateRequest *request)
{
	if (request->is_ca)
		return "critical,keyCertSign,cRLSign";
	if (request->algorithm == KEY_ED25519 || request->algorithm == KEY_ECDSA_P256)
		return "critical,digitalSignature";
	return "critical,digitalSignature,keyEncipherment";
}

static bool
add_extensions(X509 *certificate, const CertificateRequest *request, const Authority *authority)
{
	return add_extension(certificate, NID_basic_constraints, request->is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE")
		&& add_extension(certificate, NID_key_usage, key_usage(request))
		&& (request->is_ca || add_extension(certificate, NID_ext_key_usage, "serverAuth,clientAuth"))
		&& add_extension(certificate, NID_subject_key_identifier, "hash")
		&& (authority->nchain == 0 || add_authority_key(certificate, authority->chain[0]))
		&& add_alt_names(certificate, request->alt_names, request->nalt_names);
}

/* These hash by themselves. */
static const EVP_MD *
digest_of(const EVP_PKEY *key)
{
	return EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448") ? NULL : EVP_sha256();
}

static bool
fill(X509 *certificate, const CertificateRequest *request, EVP_PKEY *key, const Authority *authority, int64_t until)
{
	EVP_PKEY   *signer = authority->nchain > 0 ? authority->key : key;

	return X509_set_version(certificate, X509_VERSION_3) == 1
		&& set_serial(certificate)
		&& set_names(certificate, request, authority)
		&& set_times(certificate, request, until)
		&& X509_set_pubkey(certificate, key) == 1
		&& add_extensions(certificate, request, authority)
		&& X509_sign(certificate, signer, digest_of(signer)) > 0;
}

/* ---- as text ---- */

static bool
append_certificate(PemText *text, X509 *certificate)
{
	uint8_t    *der = NULL;
	int			len = i2d_X509(certificate, &der);
	bool		ok = len > 0 && pem_append(text, "CERTIFICATE", der, (size_t) len);

	OPENSSL_free(der);
	return ok;
}

static bool
append_all(PemText *text, const Keypair *key, X509 *certificate, const Authority *authority)
{
	bool		ok = keypair_append_private(key, text) && append_certificate(text, certificate);

	for (int i = 0; ok && i < authority->nchain; i++)
		ok = append_certificate(text, authority->chain[i]);
	return ok;
}

/* Base64 is a third longer than what it stands for, and breaking lines is little more. */
size_t
certificate_room(const CertificateRequest *request)
{
	return 2 * KEY_PEM_ROOM + (size_t) request->nalt_names * 2 * (DNS_NAME_MAX + 16) + 3 * request->ca_len;
}

static bool
make(const CertificateRequest *request, const Authority *authority, int64_t until, PemText *with_key, PemText *alone)
{
	Keypair    *key = keypair_new(request->algorithm);
	X509	   *certificate = key ? X509_new() : NULL;
	bool		ok = certificate
		&& fill(certificate, request, keypair_key(key), authority, until)
		&& append_all(with_key, key, certificate, authority)
		&& append_certificate(alone, certificate);

	X509_free(certificate);
	keypair_free(key);
	return ok;
}

CertificateResult
certificate_generate(const CertificateRequest *request, PemText *with_key, PemText *alone, int64_t *until)
{
	Authority	authority = {.nchain = 0};
	CertificateResult result = request->ca ? read_authority(request, &authority) : CERTIFICATE_OK;

	ERR_clear_error();			/* of what was tried */
	*until = request->now + request->days * SECONDS_A_DAY;
	if (authority.nchain > 0 && *until > authority.until)
		*until = authority.until;
	if (result == CERTIFICATE_OK && !make(request, &authority, *until, with_key, alone))
		result = CERTIFICATE_BROKEN;
	free_authority(&authority);
	if (result != CERTIFICATE_OK)
	{
		text_wipe(with_key);
		text_wipe(alone);
	}
	return result;
}
