/*
 * openssh_test.c: keys as OpenSSH writes them.
 *
 * The pinned file is of the first key of RFC 8032, section 7.1, and ssh-keygen
 * 9.2 wrote it; openssh_differential_test.py asks the one that is installed.
 */
#include "crypto/openssh.h"

#include "check.h"

static const uint8_t rfc_seed[OPENSSH_SEED_LEN] = {
	0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4,
	0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60
};

#define PINNED_CHECK 0x75beca1f	/* what it drew */

static const char pinned_private[] =
	"-----BEGIN OPENSSH PRIVATE KEY-----\n"
	"b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n"
	"QyNTUxOQAAACDXWpgBgrEKt9VL/tPJZAc6DuFy89qmIyWvAhpo9wdRGgAAAJB1vsofdb7K\n"
	"HwAAAAtzc2gtZWQyNTUxOQAAACDXWpgBgrEKt9VL/tPJZAc6DuFy89qmIyWvAhpo9wdRGg\n"
	"AAAECdYbGd7/1aYLqESvSS7CzEREnFaXsyaRlwO6wDHK5/YNdamAGCsQq31Uv+08lkBzoO\n"
	"4XLz2qYjJa8CGmj3B1EaAAAAB3JmYzgwMzIBAgMEBQY=\n"
	"-----END OPENSSH PRIVATE KEY-----\n";

static const char pinned_public[] =
	"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea rfc8032";


static char private_room[OPENSSH_PRIVATE_ROOM];
static char public_room[OPENSSH_PUBLIC_ROOM];
static PemText private_half;
static PemText public_half;

static void
begin(void)
{
	memset(private_room, 0, sizeof(private_room));
	memset(public_room, 0, sizeof(public_room));
	private_half = (PemText) {private_room, sizeof(private_room), 0};
	public_half = (PemText) {public_room, sizeof(public_room), 0};
}

static bool
is_text(const PemText *text, const char *wanted)
{
	return text->len == strlen(wanted) && memcmp(text->data, wanted, text->len) == 0;
}

static void
pinned(void)
{
	begin();
	CHECK(openssh_write(rfc_seed, PINNED_CHECK, "rfc8032", &private_half, &public_half) == CRYPTO_OK);
	CHECK(is_text(&private_half, pinned_private), "%s", private_room);
	CHECK(is_text(&public_half, pinned_public), "%s", public_room);

	begin();
	CHECK(openssh_write(rfc_seed, PINNED_CHECK, "", &private_half, &public_half) == CRYPTO_OK);
	CHECK(public_half.len == strlen(pinned_public) - strlen(" rfc8032")
		  && memcmp(public_room, pinned_public, public_half.len) == 0, "%s", public_room);
}

/* Each is another one. */
static void
random_keys(void)
{
	char		before[OPENSSH_PUBLIC_ROOM] = "";

	for (int i = 0; i < 100; i++)
	{
		begin();
		CHECK(openssh_generate("c", &private_half, &public_half) == CRYPTO_OK);
		CHECK(public_half.len == 82 && memcmp(public_room, before, public_half.len) != 0);
		memcpy(before, public_room, sizeof(before));
	}
}

static void
comments_and_room(void)
{
	char		comment[OPENSSH_COMMENT_MAX + 2];
	size_t		wanted;

	memset(comment, 'c', sizeof(comment));
	comment[OPENSSH_COMMENT_MAX + 1] = '\0';
	begin();
	CHECK(openssh_write(rfc_seed, 1, comment, &private_half, &public_half) == CRYPTO_BROKEN);
	CHECK(private_half.len == 0 && public_half.len == 0);

	comment[OPENSSH_COMMENT_MAX] = '\0';
	begin();
	CHECK(openssh_write(rfc_seed, 1, comment, &private_half, &public_half) == CRYPTO_OK);
	wanted = private_half.len;
	for (size_t room = 0; room <= wanted; room++)
	{
		begin();
		private_half.room = room;
		if (openssh_write(rfc_seed, 1, comment, &private_half, &public_half) == CRYPTO_OK)
			CHECK(room == wanted);
		else
			CHECK(room < wanted && private_half.len == 0 && all_bytes(private_room, sizeof(private_room), 0), "%zu", room);
	}
}

int
main(void)
{
	RUN(pinned);
	RUN(random_keys);
	RUN(comments_and_room);
	return check_summary("openssh");
}
