# From the 32-bit entry of PVH (QEMU: `-kernel`) to 64-bit code with SSE.
.section .note.pvh, "a", @note
    .long 4, 4, 18              # XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .long pvh_start

.section .bss.boot, "aw", @nobits
.align 4096
page_map: .skip 4096
page_directories: .skip 4096
page_directory: .skip 4096

.section .rodata.boot, "a"
.align 8
descriptors:
    .quad 0
    .quad 0x00AF9A000000FFFF    # 64-bit code
    .quad 0x00CF92000000FFFF    # data
descriptors_end:
descriptors_pointer:
    .word descriptors_end - descriptors - 1
    .long descriptors

.section .text.boot, "ax"
.code32
.global pvh_start
pvh_start:
    cli
    cld
    mov $bss_start, %edi
    mov $bss_end, %ecx
    sub %edi, %ecx
    xor %eax, %eax
    rep stosb
    # The first GiB, mapped onto itself in pages of 2 MiB.
    mov $page_directories + 3, %eax
    mov %eax, page_map
    mov $page_directory + 3, %eax
    mov %eax, page_directories
    mov $page_directory, %edi
    mov $0x83, %eax
    mov $512, %ecx
1:  mov %eax, (%edi)
    add $0x200000, %eax
    add $8, %edi
    loop 1b
    mov $page_map, %eax
    mov %eax, %cr3
    # PAE, and SSE with its exceptions (OSFXSR, OSXMMEXCPT).
    mov %cr4, %eax
    or $0x620, %eax
    mov %eax, %cr4
    # Long mode.
    mov $0xC0000080, %ecx
    rdmsr
    or $0x100, %eax
    wrmsr
    # Paging; the coprocessor is there (MP) and not emulated (EM).
    mov %cr0, %eax
    and $~4, %eax
    or $0x80000002, %eax
    mov %eax, %cr0
    lgdt descriptors_pointer
    ljmp $8, $long_start

.code64
long_start:
    mov $16, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov $stack_top, %rsp
    xor %ebp, %ebp
    call start
    ud2
