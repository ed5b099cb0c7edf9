/*
 * keyring/page.c
 */
#include "postgres.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/guc.h"

#include "base/compat.h"
#include "crypto/codec.h"
#include "crypto/kdf.h"
#include "keyring/keyring.h"
#include "keyring/page.h"

#define PAGE_MAGIC	0x73656372
#define PAGE_SLOTS	256

/* A key is found again only from the database whose row it came from. */
typedef struct MasterSlot
{
	Oid			database;
	uint8_t		id[BOX_ID_LEN];
	uint8_t		key[CRYPTO_KEY_LEN];
} MasterSlot;

typedef struct KeyPage
{
	uint32		magic;
	bool		torn;			/* a writer is at it; found after a crash: it never came back */
	bool		ready;
	pg_atomic_uint64 generation;
	RootKey		root;
	char		source[SOURCE_WHY_LEN];
	char		why[SOURCE_WHY_LEN];	/* it is sealed */
	uint32		nkept;			/* slots ever filled; beyond PAGE_SLOTS the oldest goes */
	MasterSlot	slots[PAGE_SLOTS];
} KeyPage;

static KeyPage *page = NULL;
static LWLock *lock = NULL;		/* guards everything in the page but generation and ready, which are peeked at */
static bool allow_core = false;

static shmem_startup_hook_type prev_shmem_startup_hook = NULL;
#if HAVE_SHMEM_REQUEST_HOOK
static shmem_request_hook_type prev_shmem_request_hook = NULL;
#endif

bool
root_key_id(const uint8_t key[CRYPTO_KEY_LEN], uint8_t id[ROOT_ID_LEN])
{
	uint8_t		mac[32];

	if (!kdf_mac(key, "secrets/root-id/v1", mac))
		return false;
	memcpy(id, mac, ROOT_ID_LEN);
	return true;
}

/* ---- the mapping ---- */

static void *
map_secret_memory(Size size)
{
	void	   *memory = MAP_FAILED;

#ifdef SYS_memfd_secret
	int			fd = (int) syscall(SYS_memfd_secret, O_CLOEXEC);

	if (fd >= 0)
	{
		if (ftruncate(fd, (off_t) size) == 0)
			memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		close(fd);
	}
#endif
	return memory;
}

static void *
map_locked_memory(Size size)
{
	void	   *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return MAP_FAILED;
	if (mlock(memory, size) != 0)
		ereport(LOG,
				(errmsg("secrets: could not lock the key page into memory: %m"),
				 errhint("Raise the server's limit of locked memory (ulimit -l).")));
	if (madvise(memory, size, MADV_DONTDUMP) != 0)
		ereport(LOG, (errmsg("secrets: could not keep the key page out of core files: %m")));
	return memory;
}

static bool
map_page(void)
{
	Size		size = TYPEALIGN(sysconf(_SC_PAGESIZE), sizeof(KeyPage));
	void	   *memory = map_secret_memory(size);

	if (memory == MAP_FAILED)
		memory = map_locked_memory(size);
	if (memory == MAP_FAILED)
	{
		ereport(LOG, (errmsg("secrets: could not map the key page: %m")));
		return false;
	}
	page = memory;
	page->magic = PAGE_MAGIC;
	pg_atomic_init_u64(&page->generation, 1);
	return true;
}

/*
 * A process that may be dumped may also be read through /proc/PID/mem, by any
 * SQL function that reads files.  Children inherit what the postmaster sets.
 */
static void
forbid_core(void)
{
	if (!allow_core && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		ereport(LOG, (errmsg("secrets: could not forbid core files: %m")));
}

/* ---- changing what it holds ---- */

/* Between these two the page is torn: a crash in between leaves no half-written key in use. */
static void
begin_change(void)
{
	page->torn = true;
	page->ready = false;
	pg_atomic_fetch_add_u64(&page->generation, 1);
	pg_memory_barrier();
	crypto_wipe(&page->root, sizeof(page->root));
	crypto_wipe(page->slots, sizeof(page->slots));
	page->nkept = 0;
}

static void
end_change(bool ready)
{
	pg_memory_barrier();
	page->ready = ready;
	page->torn = false;
}

/* Puts in what source_load() brought; key NULL: sealed, and why. */
static void
fill(const char *place, const RootKey *root, const char *why)
{
	begin_change();
	strlcpy(page->source, place ? place : "", sizeof(page->source));
	strlcpy(page->why, why, sizeof(page->why));
	if (root)
		page->root = *root;
	end_change(root != NULL);
}

static bool
load_root(const char *place, RootKey *root, char why[SOURCE_WHY_LEN])
{
	if (!keyring_crypto_works())
	{
		strlcpy(why, "the cryptographic library failed its self-test", SOURCE_WHY_LEN);
		return false;
	}
	if (!source_load(place, root->key, why))
		return false;
	if (root_key_id(root->key, root->id))
		return true;
	crypto_wipe(root, sizeof(*root));
	strlcpy(why, "the cryptographic library failed", SOURCE_WHY_LEN);
	return false;
}

/* Only known kinds of place are shown: anything else may be the key itself, put there by mistake. */
static const char *
presentable(const char *place)
{
	return place && source_is_known(place) ? place : "";
}

bool
page_unseal(const char *place, char why[SOURCE_WHY_LEN])
{
	uint64		before = page_generation();
	RootKey		root;
	bool		ok = load_root(place, &root, why);

	LWLockAcquire(lock, LW_EXCLUSIVE);
	if (page_generation() != before)
	{
		/* A seal() that came while we were reading is not undone by us. */
		ok = false;
		strlcpy(why, "somebody sealed or unsealed it meanwhile", SOURCE_WHY_LEN);
	}
	else if (ok || !page->ready)
		fill(presentable(place), ok ? &root : NULL, why);
	LWLockRelease(lock);
	crypto_wipe(&root, sizeof(root));
	return ok;
}

void
page_seal(void)
{
	LWLockAcquire(lock, LW_EXCLUSIVE);
	fill(NULL, NULL, "sealed by secrets.seal()");
	LWLockRelease(lock);
}

/* ---- the postmaster's part ---- */

/* After a crash-restart: is what the page holds still what it says it is? */
static bool
page_is_sound(void)
{
	uint8_t		id[ROOT_ID_LEN];

	if (page->magic != PAGE_MAGIC || page->torn)
		return false;
	return !page->ready
		|| (root_key_id(page->root.key, id) && memcmp(id, page->root.id, ROOT_ID_LEN) == 0);
}

static void
report_state(void)
{
	char		id[ROOT_ID_HEX_LEN + 1];

	codec_to_hex(page->root.id, ROOT_ID_LEN, id);
	if (page->ready)
		ereport(LOG, (errmsg("secrets: ready, with root key %s from %s", id, page->source)));
	else
		ereport(LOG,
				(errmsg("secrets: sealed: %s", page->why),
				 errhint("The server runs; secrets are refused until secrets.unseal() finds a root key.")));
}

static void
on_shmem_startup(void)
{
	char		why[SOURCE_WHY_LEN] = "";

	if (prev_shmem_startup_hook)
		prev_shmem_startup_hook();

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	lock = &GetNamedLWLockTranche("secrets")->lock;
	LWLockRelease(AddinShmemInitLock);

	if (page == NULL)
	{
		forbid_core();
		if (!map_page())
			return;
	}
	else if (page_is_sound())
		return;					/* a crash-restart: it keeps its key, or stays sealed */
	else
		pg_atomic_fetch_add_u64(&page->generation, 1);
	page->magic = PAGE_MAGIC;
	page->ready = false;
	page_unseal(keyring_root_key_setting(), why);
	report_state();
}

static void
request_lock(void)
{
#if HAVE_SHMEM_REQUEST_HOOK
	if (prev_shmem_request_hook)
		prev_shmem_request_hook();
#endif
	RequestNamedLWLockTranche("secrets", 1);
}

void
page_init(void)
{
	if (!process_shared_preload_libraries_in_progress)
		return;

	DefineCustomBoolVariable("secrets.allow_core",
							 "Lets the server's processes dump core and be read by a debugger.",
							 "Turn it on, on a machine without real secrets, to find the cause of a crash: "
							 "a core file holds whatever the server had in memory.",
							 &allow_core, false, PGC_POSTMASTER, 0, NULL, NULL, NULL);
#if HAVE_SHMEM_REQUEST_HOOK
	prev_shmem_request_hook = shmem_request_hook;
	shmem_request_hook = request_lock;
#else
	request_lock();
#endif
	prev_shmem_startup_hook = shmem_startup_hook;
	shmem_startup_hook = on_shmem_startup;
}

/* ---- reading it ---- */

/*
 * Peeked at, since every call asks.  Only under the lock is "no" an answer: an
 * unseal() that takes one root key after another has neither for a moment.
 */
PageState
page_state(void)
{
	bool		ready;

	if (page == NULL)
		return PAGE_ABSENT;
	if (page->ready)
		return PAGE_READY;
	LWLockAcquire(lock, LW_SHARED);
	ready = page->ready;
	LWLockRelease(lock);
	return ready ? PAGE_READY : PAGE_SEALED;
}

uint64
page_generation(void)
{
	return page ? pg_atomic_read_u64(&page->generation) : 0;
}

static char *
copy_text(const char *text)
{
	char		copy[SOURCE_WHY_LEN];

	LWLockAcquire(lock, LW_SHARED);
	strlcpy(copy, text, sizeof(copy));
	LWLockRelease(lock);
	return pstrdup(copy);
}

char *
page_why(void)
{
	return page ? copy_text(page->why) : pstrdup("");
}

char *
page_source(void)
{
	return page ? copy_text(page->source) : pstrdup("");
}

bool
page_get_root(RootKey *root, uint64 *generation)
{
	bool		ready;

	if (page == NULL)
		return false;
	LWLockAcquire(lock, LW_SHARED);
	ready = page->ready;
	if (ready)
		*root = page->root;
	*generation = page_generation();
	LWLockRelease(lock);
	return ready;
}

static MasterSlot *
find_slot(const uint8_t id[BOX_ID_LEN])
{
	uint32		n = Min(page->nkept, PAGE_SLOTS);

	for (uint32 i = 0; i < n; i++)
		if (page->slots[i].database == MyDatabaseId && memcmp(page->slots[i].id, id, BOX_ID_LEN) == 0)
			return &page->slots[i];
	return NULL;
}

bool
page_find_master(const uint8_t id[BOX_ID_LEN], uint8_t key[CRYPTO_KEY_LEN])
{
	MasterSlot *slot;

	LWLockAcquire(lock, LW_SHARED);
	slot = page->ready ? find_slot(id) : NULL;
	if (slot)
		memcpy(key, slot->key, CRYPTO_KEY_LEN);
	LWLockRelease(lock);
	return slot != NULL;
}

void
page_keep_master(const uint8_t id[BOX_ID_LEN], const uint8_t key[CRYPTO_KEY_LEN], uint64 generation)
{
	LWLockAcquire(lock, LW_EXCLUSIVE);
	if (page->ready && generation == page_generation() && find_slot(id) == NULL)
	{
		MasterSlot *slot = &page->slots[page->nkept % PAGE_SLOTS];

		page->torn = true;
		pg_memory_barrier();
		slot->database = MyDatabaseId;
		memcpy(slot->id, id, BOX_ID_LEN);
		memcpy(slot->key, key, CRYPTO_KEY_LEN);
		page->nkept++;
		pg_memory_barrier();
		page->torn = false;
	}
	LWLockRelease(lock);
}
