/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Privileged instructions of a PV guest's ring 3 kernel, one file a group: emulate.c decodes and dispatches. */
#ifndef PV_EMULATE_H
#define PV_EMULATE_H
#include "pv/pv.h"

struct emul {
	struct cpu_user_regs *regs;
	uint8_t bytes[15];
	unsigned have;		/* bytes fetched */
	unsigned pos;		/* bytes used so far */
	bool opsize16, addr32, rep, repne;
	uint8_t rex, segment;	/* segment: override prefix byte or 0 */
	uint8_t modrm;
};
enum emul_result { EMUL_FAIL, EMUL_DONE, EMUL_EXCEPTION };	/* give it the fault; advance rip; rip stays, exception injected */

bool emul_byte(struct emul *i, uint8_t *b);
uint64_t *emul_reg(struct emul *i, unsigned nr);	/* 0..15: rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8.. */
#define emul_reg_field(i) (((i)->modrm >> 3 & 7) | ((i)->rex & 4 ? 8 : 0))
#define emul_rm_field(i) (((i)->modrm & 7) | ((i)->rex & 1 ? 8 : 0))

/* emulate_io.c */
enum emul_result emul_in_out(struct emul *i, uint8_t op);
enum emul_result emul_ins_outs(struct emul *i, uint8_t op);
/* emulate_msr.c */
enum emul_result emul_rdmsr(struct emul *i);
enum emul_result emul_wrmsr(struct emul *i);
int pv_read_msr(struct vcpu *v, uint32_t msr, uint64_t *val);	/* -EFAULT: the guest gets #GP */
int pv_write_msr(struct vcpu *v, uint32_t msr, uint64_t val);
bool pv_spec_ctrl_ok(const struct vcpu *v, uint64_t val);	/* may the guest's IA32_SPEC_CTRL hold val? */
#endif
