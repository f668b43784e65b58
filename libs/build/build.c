/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "build/build.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xen/io/console.h>
#include <xen/io/xs_wire.h>
#include "build/layout.h"
#include "build/tables.h"

_Static_assert(sizeof(xen_pfn_t) == sizeof(uint64_t), "lists of frames go to the hypervisor as they are");

/*
 * What is written is mapped at once, as one range: the kernel to the stack, then what lies behind the initial mapping, and last
 * the page that hypervisor and guest share.
 */
struct build {
	struct hcall *h;
	const struct build_request *request;
	const struct image *image;
	struct layout layout;
	struct frames frames;
	uint64_t initrd_size;
	uint8_t *memory;
	size_t mapped;		/* pages at `memory` */
	uint64_t shared_info;	/* the machine's frame */
};

static bool initrd_behind(const struct build *b)
{
	return b->layout.nr_initrd && b->image->initrd_unmapped;
}

static void *page(const struct build *b, uint64_t pfn)
{
	const struct layout *l = &b->layout;
	uint64_t at = pfn - l->first;

	if (pfn > l->stack) {	/* initrd, if it is there, then p2m; nothing between them */
		at = l->stack + 1 - l->first;
		at += pfn - (initrd_behind(b) ? l->initrd : l->p2m);
	}
	return b->memory + (at << PAGE_SHIFT);
}

static int single_frames(struct build *b, uint64_t extent)
{
	uint64_t first = extent * EXTENT_PAGES, n = b->frames.nr - first;
	uint64_t *list = malloc(EXTENT_PAGES * sizeof(*list));
	long got;

	if (!list)
		return -ENOMEM;
	b->frames.extents[extent] = FRAMES_SINGLE;
	b->frames.singles[extent] = list;
	n = n < EXTENT_PAGES ? n : EXTENT_PAGES;
	for (uint64_t i = 0; i < n; i++)
		list[i] = first + i;
	got = hcall_populate(b->h, b->request->domain, 0, n, list);
	return got < 0 ? got : (uint64_t)got < n ? -ENOMEM : 0;
}

static int populate(struct build *b, struct why *why)
{
	uint64_t nr = b->layout.nr_pages, whole = nr / EXTENT_PAGES;
	int rc = frames_init(&b->frames, nr);
	long got;

	if (rc)
		return why_set(why, rc, "no memory for the list of frames");
	for (uint64_t i = 0; i < whole; i++)
		b->frames.extents[i] = i * EXTENT_PAGES;
	got = hcall_populate(b->h, b->request->domain, EXTENT_ORDER, whole, b->frames.extents);
	/* Memory may be there in small pieces only. */
	for (uint64_t i = got > 0 ? got : 0; i * EXTENT_PAGES < nr && !rc; i++)
		rc = single_frames(b, i);
	if (rc)
		return why_set(why, rc, "the host has not got %llu MiB of free memory", (unsigned long long)(nr >> 8));
	return 0;
}

static int map_memory(struct build *b, struct why *why)
{
	const struct layout *l = &b->layout;
	uint64_t front = l->stack + 1 - l->first, initrd = initrd_behind(b) ? l->nr_initrd : 0;
	uint64_t p2m = l->p2m_outside ? l->nr_p2m : 0, n = 0;
	xen_pfn_t *list;

	b->mapped = front + initrd + p2m + 1;
	list = malloc(b->mapped * sizeof(*list));
	if (!list)
		return why_set(why, -ENOMEM, "no memory for the list of frames");
	for (uint64_t i = 0; i < front; i++)
		list[n++] = frames_mfn(&b->frames, l->first + i);
	for (uint64_t i = 0; i < initrd; i++)
		list[n++] = frames_mfn(&b->frames, l->initrd + i);
	for (uint64_t i = 0; i < p2m; i++)
		list[n++] = frames_mfn(&b->frames, l->p2m + i);
	list[n++] = b->shared_info;
	b->memory = hcall_map(b->h, b->request->domain, b->mapped, list);
	free(list);
	return b->memory ? 0 : why_set(why, -errno, "the guest's memory cannot be mapped: %s", strerror(errno));
}

/* What no segment covers is cleared: the hypervisor's promise about fresh memory is that it is nobody's secret, not zero. */
static int load_kernel(struct build *b, struct why *why)
{
	const struct image *image = b->image;
	uint8_t *start = page(b, b->layout.first);
	uint64_t base = b->layout.first << PAGE_SHIFT, done = base, next;
	const struct image_segment *s;
	int rc;

	/* Segments may come in any order and overlap; then the whole is cleared first. */
	for (unsigned i = 0; i < image->nr_segments; i++) {
		s = &image->segments[i];
		if (s->address < done) {
			memset(start, 0, (b->layout.kernel_end << PAGE_SHIFT) - base);
			done = UINT64_MAX;
			break;
		}
		done = s->address + s->memory_size;
	}
	next = done == UINT64_MAX ? UINT64_MAX : base;
	for (unsigned i = 0; i < image->nr_segments; i++) {
		s = &image->segments[i];
		if (next < s->address)
			memset(start + (next - base), 0, s->address - next);
		rc = kernel_read(b->request->kernel, start + (s->address - base), s->offset, s->file_size);
		if (rc)
			return why_set(why, rc, "the kernel cannot be read: %s", strerror(-rc));
		if (next != UINT64_MAX)
			next = s->address + s->file_size;
	}
	if (next != UINT64_MAX)
		memset(start + (next - base), 0, (b->layout.kernel_end << PAGE_SHIFT) - next);
	return 0;
}

static int load_initrd(struct build *b, struct why *why)
{
	uint8_t *to = page(b, b->layout.initrd);
	uint64_t room = b->layout.nr_initrd << PAGE_SHIFT, done = 0;
	ssize_t got;

	if (!b->layout.nr_initrd)
		return 0;
	while (done < b->initrd_size) {
		got = pread(b->request->initrd, to + done, b->initrd_size - done, done);
		if (got <= 0)
			return why_set(why, got < 0 ? -errno : -EIO, "the initrd cannot be read: %s",
				       got < 0 ? strerror(errno) : "it became shorter");
		done += got;
	}
	memset(to + done, 0, room - done);
	return 0;
}

static uint64_t virt(const struct build *b, uint64_t pfn)
{
	return b->image->virt_base + (pfn << PAGE_SHIFT);
}

static void write_start_info(struct build *b, const struct build_result *r)
{
	const struct layout *l = &b->layout;
	start_info_t *s = page(b, l->start_info);

	memset(s, 0, PAGE_SIZE);
	strcpy(s->magic, "xen-3.0-x86_64");
	s->nr_pages = l->nr_pages;
	s->shared_info = b->shared_info << PAGE_SHIFT;
	s->flags = SIF_VIRT_P2M_4TOOLS;
	s->store_mfn = r->store_frame;
	s->store_evtchn = r->store_port;
	s->console.domU.mfn = r->console_frame;
	s->console.domU.evtchn = r->console_port;
	s->pt_base = virt(b, l->tables);
	s->nr_pt_frames = l->nr_tables;
	s->mfn_list = l->p2m_virt;
	if (l->p2m_outside) {
		s->first_p2m_pfn = l->p2m;
		s->nr_p2m_frames = l->nr_p2m;
	}
	if (l->nr_initrd) {
		s->mod_start = b->image->initrd_unmapped ? l->initrd : virt(b, l->initrd);
		s->mod_len = b->initrd_size;
		s->flags |= b->image->initrd_unmapped ? SIF_MOD_START_PFN : 0;
	}
	strncpy((char *)s->cmd_line, b->request->command_line, MAX_GUEST_CMDLINE - 1);
}

static void write_pages(struct build *b, const struct build_result *r)
{
	const struct layout *l = &b->layout;
	shared_info_t *shared = (void *)(b->memory + ((b->mapped - 1) << PAGE_SHIFT));

	tables_p2m(&b->frames, page(b, l->p2m));
	memset((uint8_t *)page(b, l->p2m) + l->nr_pages * sizeof(uint64_t), 0,
	       (l->nr_p2m << PAGE_SHIFT) - l->nr_pages * sizeof(uint64_t));
	write_start_info(b, r);
	memset(page(b, l->store), 0, PAGE_SIZE);
	memset(page(b, l->console), 0, PAGE_SIZE);
	memset(page(b, l->stack), 0, PAGE_SIZE);
	tables_fill(l, b->image->virt_base, &b->frames, page(b, l->tables));
	memset(shared, 0, PAGE_SIZE);
	for (unsigned i = 0; i < XEN_LEGACY_MAX_VCPUS; i++)
		shared->vcpu_info[i].evtchn_upcall_mask = 1;
}

static int start_vcpu(struct build *b, struct why *why)
{
	const struct layout *l = &b->layout;
	vcpu_guest_context_t *c = calloc(1, sizeof(*c));
	int rc;

	if (!c)
		return why_set(why, -ENOMEM, "no memory for a vCPU's registers");
	c->flags = VGCF_in_kernel | VGCF_online;
	c->user_regs.rip = b->image->entry;
	c->user_regs.rsp = virt(b, l->stack + 1);
	c->user_regs.rsi = virt(b, l->start_info);
	c->user_regs.rflags = 1 << 9;	/* interrupts on */
	c->user_regs.cs = FLAT_KERNEL_CS;
	c->user_regs.ss = FLAT_KERNEL_SS;
	c->kernel_ss = c->user_regs.ss;
	c->kernel_sp = c->user_regs.rsp;
	c->debugreg[6] = 0xffff0ff0;	/* as after a reset */
	c->debugreg[7] = 0x400;
	c->ctrlreg[3] = xen_pfn_to_cr3(frames_mfn(&b->frames, l->tables));
	rc = hcall_vcpu_context(b->h, b->request->domain, 0, c);
	free(c);
	return rc ? why_set(why, rc, "the vCPU's registers are refused: %s", strerror(-rc)) : 0;
}

/* Entries of the grant table through which the daemons may map the two rings. */
static int grant_rings(struct build *b, const struct build_result *r, struct why *why)
{
	const struct hcall_grant grants[] = {
		{ GNTTAB_RESERVED_CONSOLE, { GTF_permit_access, b->request->console_domain, r->console_frame } },
		{ GNTTAB_RESERVED_XENSTORE, { GTF_permit_access, b->request->store_domain, r->store_frame } },
	};
	int rc = hcall_grant_seed(b->h, b->request->domain, grants, 2);

	return rc ? why_set(why, rc, "the guest's grant table cannot be written: %s", strerror(-rc)) : 0;
}

static int open_ports(struct build *b, struct build_result *r, struct why *why)
{
	const struct build_request *q = b->request;
	int rc = hcall_evtchn_unbound(b->h, q->domain, q->store_domain, &r->store_port);

	if (!rc)
		rc = hcall_evtchn_unbound(b->h, q->domain, q->console_domain, &r->console_port);
	return rc ? why_set(why, rc, "no event channel for the guest: %s", strerror(-rc)) : 0;
}

static int write_memory(struct build *b, struct build_result *r, struct why *why)
{
	int rc = map_memory(b, why);

	if (rc)
		return rc;
	rc = load_kernel(b, why);
	if (!rc)
		rc = load_initrd(b, why);
	if (!rc)
		write_pages(b, r);
	/* A page table must be mapped writable by nobody. */
	hcall_unmap(b->h, b->memory, b->mapped);
	return rc;
}

static int set_tables(struct build *b, struct why *why)
{
	const struct image *image = b->image;
	int rc = 0;

	if (image->hypercall_page != IMAGE_UNSET)
		rc = hcall_domain_hypercall_page(b->h, b->request->domain, frames_mfn(&b->frames,
						 (image->hypercall_page - image->virt_base) >> PAGE_SHIFT));
	if (rc)
		return why_set(why, rc, "the kernel's hypercall page is refused: %s", strerror(-rc));
	rc = hcall_pin_l4(b->h, b->request->domain, frames_mfn(&b->frames, b->layout.tables));
	return rc ? why_set(why, rc, "the initial page tables are refused: %s", strerror(-rc)) : 0;
}

static int initrd_size(struct build *b, struct why *why)
{
	struct stat s;

	if (b->request->initrd < 0)
		return 0;
	if (fstat(b->request->initrd, &s) < 0 || !S_ISREG(s.st_mode))
		return why_set(why, -EINVAL, "the initrd is not a file");
	b->initrd_size = s.st_size;
	return 0;
}

int build_pv(struct hcall *h, const struct build_request *request, struct build_result *r, struct why *why)
{
	struct build b = { .h = h, .request = request, .image = &request->kernel->image };
	struct xen_domctl_getdomaininfo info;
	int rc = initrd_size(&b, why);

	memset(r, 0, sizeof(*r));
	if (!rc)
		rc = layout_make(&b.layout, b.image, request->memory_kib / 4, b.initrd_size, why);
	if (rc)
		return rc;
	rc = hcall_domains(h, request->domain, 1, &info);
	if (rc != 1 || info.domain != request->domain)
		return why_set(why, rc < 0 ? rc : -ESRCH, "the new domain is gone");
	b.shared_info = info.shared_info_frame;
	rc = open_ports(&b, r, why);
	if (!rc)
		rc = populate(&b, why);
	if (!rc) {
		r->store_frame = frames_mfn(&b.frames, b.layout.store);
		r->console_frame = frames_mfn(&b.frames, b.layout.console);
		rc = write_memory(&b, r, why);
	}
	if (!rc)
		rc = set_tables(&b, why);
	if (!rc)
		rc = grant_rings(&b, r, why);
	if (!rc)
		rc = start_vcpu(&b, why);
	frames_free(&b.frames);
	return rc;
}
