/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vm/vm_core.h"
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xen/elfnote.h>
#include <xen/version.h>
#include "hcall/hcall_save.h"
#include "stream/pv.h"
#include "vm/vm_life.h"

#define PAGE	   4096u
#define MAGIC_PV   0xF00FEBEDull
#define VERSION	   1ull /* 0.1 */
#define MOST_PAGES (1ull << 36)
#define AT_ONCE	   256u

enum { NONE, STRINGS, NOTE, STATUS, SHARED, P2M, PAGES, SECTIONS };
static const char names[] = "\0.shstrtab\0.note.Xen\0.xen_prstatus\0.xen_shared_info\0.xen_p2m\0.xen_pages";
static const unsigned name_at[SECTIONS] = { 0, 1, 11, 21, 35, 52, 61 };

struct p2m_entry {
	uint64_t pfn, gmfn;
};
struct note_head {
	Elf64_Nhdr head;
	char name[4];
};
struct notes {
	struct note_head none;
	struct note_head header_head;
	uint64_t header[4];
	struct note_head xen_head;
	struct {
		uint64_t major, minor;
		xen_extraversion_t extra;
		xen_compile_info_t compile;
		xen_capabilities_info_t capabilities;
		xen_changeset_info_t changeset;
		xen_platform_parameters_t platform;
		uint64_t page_size;
	} xen;
	struct note_head version_head;
	uint64_t version;
};
_Static_assert(sizeof(struct notes) % 4 == 0, "notes are words");

struct dump {
	struct vm_host *host;
	domid_t id;
	int file;
	void *shared;
	vcpu_guest_context_t *vcpus;
	unsigned nr_vcpus;
	struct p2m_entry *p2m;
	uint64_t nr_pages; /* that the guest's list has */
	Elf64_Shdr sections[SECTIONS];
};

static int read_frame(struct dump *d, uint64_t mfn, void *page)
{
	xen_pfn_t frame = mfn;
	int error = 0;
	void *at = hcall_map_read(d->host->hcall, d->id, 1, &frame, &error);

	if (!at)
		return -errno;
	if (!error)
		memcpy(page, at, PAGE);
	hcall_unmap(d->host->hcall, at, 1);
	return error ? -abs(error) : 0;
}

static bool read_page(void *arg, uint64_t mfn, uint64_t *page)
{
	return read_frame(arg, mfn, page) == 0;
}

static int read_vcpus(struct dump *d, unsigned last, struct why *why)
{
	d->vcpus = calloc(last + 1, sizeof(*d->vcpus));
	if (!d->vcpus)
		return why_set(why, -ENOMEM, "no memory");
	/* Those that were never started have no context. */
	for (unsigned i = 0; i <= last; i++)
		d->nr_vcpus += hcall_vcpu_context_get(d->host->hcall, d->id, i, &d->vcpus[d->nr_vcpus]) == 0;
	return 0;
}

/* A frame of the list: those of its entries that are memory of the guest. */
static void take_entries(struct dump *d, const uint64_t *page, uint64_t first, uint64_t end)
{
	for (uint64_t i = 0; i < 512 && first + i < end; i++)
		if (page[i] < MOST_PAGES)
			d->p2m[d->nr_pages++] = (struct p2m_entry){ first + i, page[i] };
}

static int read_p2m(struct dump *d, struct why *why)
{
	const struct arch_shared_info *a = &((const shared_info_t *)d->shared)->arch;
	const struct pv_list list = { a->max_pfn, a->p2m_cr3, a->p2m_vaddr, a->pfn_to_mfn_frame_list_list };
	uint64_t n = (list.nr + 511) / 512, *frames, page[512];
	int rc = 0;

	if (!list.nr || list.nr > MOST_PAGES / 512)
		return why_set(why, -EINVAL, "the guest's kernel does not tell of its memory (yet)");
	frames = calloc(n, sizeof(*frames));
	d->p2m = malloc(list.nr * sizeof(*d->p2m));
	if (!frames || !d->p2m)
		rc = why_set(why, -ENOMEM, "no memory");
	if (!rc)
		rc = pv_list_frames(&list, read_page, d, frames, why);
	for (uint64_t i = 0; i < n && !rc; i++) {
		rc = read_frame(d, frames[i], page);
		if (rc)
			why_set(why, rc, "the guest's list of its frames cannot be read: %s", strerror(-rc));
		else
			take_entries(d, page, i * 512, list.nr);
	}
	free(frames);
	return rc;
}

static int read_guest(struct dump *d, struct why *why)
{
	struct xen_domctl_getdomaininfo info;
	int rc = vm_info(d->host, d->id, &info, why);

	if (rc)
		return rc;
	if (info.flags & XEN_DOMINF_hvm_guest || d->id == 0)
		return why_set(why, -EOPNOTSUPP, "domain %u is no PV guest", d->id);
	d->shared = malloc(PAGE);
	rc = d->shared ? read_frame(d, info.shared_info_frame, d->shared) : -ENOMEM;
	if (rc)
		return why_set(why, rc, "the guest's shared information cannot be read: %s", strerror(-rc));
	rc = read_vcpus(d, info.max_vcpu_id, why);
	return rc ? rc : read_p2m(d, why);
}

static struct note_head note(unsigned type, size_t size)
{
	return (struct note_head){ { .n_namesz = 4, .n_descsz = size, .n_type = type }, "Xen" };
}

static int make_notes(struct dump *d, struct notes *n)
{
	struct hcall_version v;
	int rc = hcall_version(d->host->hcall, &v);

	memset(n, 0, sizeof(*n));
	n->none = note(XEN_ELFNOTE_DUMPCORE_NONE, 0);
	n->header_head = note(XEN_ELFNOTE_DUMPCORE_HEADER, sizeof(n->header));
	n->header[0] = MAGIC_PV;
	n->header[1] = d->nr_vcpus;
	n->header[2] = d->nr_pages;
	n->header[3] = PAGE;
	n->xen_head = note(XEN_ELFNOTE_DUMPCORE_XEN_VERSION, sizeof(n->xen));
	n->xen.major = v.major;
	n->xen.minor = v.minor;
	memcpy(n->xen.extra, v.extra, sizeof(n->xen.extra));
	memcpy(n->xen.compile.compiler, v.compiler, sizeof(n->xen.compile.compiler));
	memcpy(n->xen.compile.compile_by, v.compiled_by, sizeof(n->xen.compile.compile_by));
	memcpy(n->xen.compile.compile_domain, v.compile_domain, sizeof(n->xen.compile.compile_domain));
	memcpy(n->xen.compile.compile_date, v.compile_date, sizeof(n->xen.compile.compile_date));
	memcpy(n->xen.capabilities, v.caps, sizeof(n->xen.capabilities));
	memcpy(n->xen.changeset, v.changeset, sizeof(n->xen.changeset));
	n->xen.platform.virt_start = v.virt_start;
	n->xen.page_size = v.page_size;
	n->version_head = note(XEN_ELFNOTE_DUMPCORE_FORMAT_VERSION, sizeof(n->version));
	n->version = VERSION;
	return rc;
}

static void place(struct dump *d, unsigned section, unsigned type, uint64_t *at, uint64_t size, uint64_t entry,
		  uint64_t align)
{
	Elf64_Shdr *s = &d->sections[section];

	*at = (*at + align - 1) & -align;
	s->sh_name = name_at[section];
	s->sh_type = type;
	s->sh_offset = *at;
	s->sh_size = size;
	s->sh_entsize = entry;
	s->sh_addralign = align;
	*at += size;
}

static void layout(struct dump *d)
{
	uint64_t at = sizeof(Elf64_Ehdr) + SECTIONS * sizeof(Elf64_Shdr);

	place(d, NOTE, SHT_NOTE, &at, sizeof(struct notes), 0, 4);
	place(d, STATUS, SHT_PROGBITS, &at, d->nr_vcpus * sizeof(*d->vcpus), sizeof(*d->vcpus), 8);
	place(d, SHARED, SHT_PROGBITS, &at, PAGE, PAGE, 8);
	place(d, PAGES, SHT_PROGBITS, &at, d->nr_pages * PAGE, PAGE, PAGE);
	place(d, P2M, SHT_PROGBITS, &at, d->nr_pages * sizeof(*d->p2m), sizeof(*d->p2m), 8);
	place(d, STRINGS, SHT_STRTAB, &at, sizeof(names), 0, 1);
}

static int put(struct dump *d, uint64_t at, const void *data, size_t size)
{
	ssize_t n;

	for (size_t done = 0; done < size; done += n) {
		n = pwrite(d->file, (const char *)data + done, size - done, at + done);
		if (n < 0)
			return -errno;
	}
	return 0;
}

static int put_heads(struct dump *d)
{
	Elf64_Ehdr e = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT, ELFOSABI_SYSV, 1 },
		.e_type = ET_CORE,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_shoff = sizeof(e),
		.e_ehsize = sizeof(e),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = SECTIONS,
		.e_shstrndx = STRINGS,
	};
	struct notes notes;
	int rc = make_notes(d, &notes);

	rc = rc ? rc : put(d, 0, &e, sizeof(e));
	rc = rc ? rc : put(d, e.e_shoff, d->sections, sizeof(d->sections));
	rc = rc ? rc : put(d, d->sections[NOTE].sh_offset, &notes, sizeof(notes));
	rc = rc ? rc : put(d, d->sections[STATUS].sh_offset, d->vcpus, d->nr_vcpus * sizeof(*d->vcpus));
	rc = rc ? rc : put(d, d->sections[SHARED].sh_offset, d->shared, PAGE);
	return rc ? rc : put(d, d->sections[STRINGS].sh_offset, names, sizeof(names));
}

static bool is_zero(const char *page)
{
	return !page[0] && !memcmp(page, page + 1, PAGE - 1);
}

/* n pages of the list from `first` on; those that are the guest's no more are left out. *kept: how many pages there
 * are so far. */
static int put_batch(struct dump *d, uint64_t first, unsigned n, uint64_t *kept)
{
	xen_pfn_t frames[AT_ONCE];
	int errors[AT_ONCE], rc = 0;
	char *at;

	for (unsigned i = 0; i < n; i++)
		frames[i] = d->p2m[first + i].gmfn;
	at = hcall_map_read(d->host->hcall, d->id, n, frames, errors);
	if (!at)
		return -errno;
	for (unsigned i = 0; i < n && !rc; i++) {
		if (errors[i])
			continue;
		if (!is_zero(at + i * PAGE))
			rc = put(d, d->sections[PAGES].sh_offset + *kept * PAGE, at + i * PAGE, PAGE);
		d->p2m[(*kept)++] = d->p2m[first + i];
	}
	hcall_unmap(d->host->hcall, at, n);
	return rc;
}

static int put_pages(struct dump *d, void (*progress)(uint64_t, uint64_t))
{
	uint64_t kept = 0;
	unsigned n;
	int rc = 0;

	for (uint64_t at = 0; at < d->nr_pages && !rc; at += n) {
		n = d->nr_pages - at < AT_ONCE ? d->nr_pages - at : AT_ONCE;
		rc = put_batch(d, at, n, &kept);
		if (progress)
			progress(at + n, d->nr_pages);
	}
	for (; kept < d->nr_pages; kept++)
		d->p2m[kept] = (struct p2m_entry){ UINT64_MAX, UINT64_MAX };
	return rc ? rc : put(d, d->sections[P2M].sh_offset, d->p2m, d->nr_pages * sizeof(*d->p2m));
}

int vm_core_path(const char *name, char path[160], struct why *why)
{
	if (!name || !vm_good_name(name))
		return why_set(why, -EINVAL, "the domain has no name to call the file by; give a file");
	if (mkdir(VM_CORES, 0700) < 0 && errno != EEXIST)
		return why_set(why, -errno, "%s: %s", VM_CORES, strerror(errno));
	snprintf(path, 160, "%s/%s", VM_CORES, name);
	return 0;
}

static int write_core(struct dump *d, const char *path, void (*progress)(uint64_t, uint64_t), struct why *why)
{
	struct stat s;
	int rc;

	d->file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (d->file < 0)
		return why_set(why, -errno, "%s: %s", path, strerror(errno));
	if (fstat(d->file, &s) < 0 || !S_ISREG(s.st_mode)) {
		close(d->file);
		return why_set(why, -EINVAL, "%s is no file: a core needs one", path);
	}
	layout(d);
	rc = put_heads(d);
	if (!rc)
		rc = put_pages(d, progress);
	if (close(d->file) < 0 && !rc)
		rc = -errno;
	if (!rc)
		return 0;
	unlink(path);
	return why_set(why, rc, "%s cannot be written: %s", path, strerror(-rc));
}

int vm_dump_core(struct vm_host *host, domid_t id, const char *path, void (*progress)(uint64_t done, uint64_t pages),
		 struct why *why)
{
	struct dump d = { .host = host, .id = id };
	int rc = read_guest(&d, why);

	if (!rc)
		rc = write_core(&d, path, progress, why);
	free(d.shared);
	free(d.vcpus);
	free(d.p2m);
	return rc;
}
