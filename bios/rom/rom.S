/* SPDX-License-Identifier: MIT */
/* The small ROM at F0000h that stands in for firmware: what boot code still calls from real mode.
   64 KiB, entered with CS = F000h. Layout: bios/rom/layout.h. State lies in the BIOS data area (segment 40h) only.
   Left out: disks (INT 13h has none), APM, VESA, other display modes than text mode 3, which the loader has set. */
        .intel_syntax noprefix
        .code16
        .text

        .set debug_port, 0x402
        .set bda, 0x40
        .set bda_cursor, 0x50           /* column, row */
        .set columns, 80
        .set rows, 25
        .set screen, 0xb800
        .set crtc, 0x3d4

/* The caller's registers while a handler runs, by BP. */
        .set f_es, 0
        .set f_ds, 2
        .set f_edi, 4
        .set f_esi, 8
        .set f_ebp, 12
        .set f_ebx, 20
        .set f_edx, 24
        .set f_ecx, 28
        .set f_eax, 32
        .set f_flags, 40

        .macro enter_handler            /* DS = the BIOS data area */
        pushad
        push ds
        push es
        mov bp, sp
        cld
        mov ax, bda
        mov ds, ax
        mov eax, [bp + f_eax]
        .endm

        .org 0x000
        .ascii "Slate ROM: answers for a machine without firmware"

/* What the loader fills in (layout.h). */
        .org 0x100
        .ascii "SLATEROM"
e820_count:             .word 0         /* 108h */
kib_above_1m:           .word 0         /* 10Ah */
blocks_above_16m:       .word 0         /* 10Ch */
kib_extended:           .word 0         /* 10Eh */

        .org 0x110
vectors:
        .word fault, ignore, ignore, ignore, ignore, ignore, fault, ignore              /* 00-07 */
        .word irq0, irq1, irq_low, irq_low, irq_low, irq_low, irq_low, irq_low          /* 08-0F */
        .word int10, int11, int12, int13, int14, int15, int16, int17                    /* 10-17 */
        .word no_boot, no_boot, int1a, ignore, ignore, ignore, diskette, ignore         /* 18-1F */
        .rept 0x70 - 0x20
        .word ignore
        .endr
        .word irq_high, irq_high, irq_high, irq_high, irq_high, irq13, irq_high, irq_high       /* 70-77 */
        .rept 0x100 - 0x78
        .word ignore
        .endr

        .org 0x320
e820_table:
        .org 0x5a0
/* Null; 08h: data of 64 KiB at 0, to return to real mode with; 10h: flat code; 18h: flat data; 20h: a TSS at 0.
   The loader makes 10h a 64-bit code segment where the kernel starts in long mode. */
gdt:    .quad 0
        .quad 0x000093000000ffff
        .quad 0x00cf9b000000ffff
        .quad 0x00cf93000000ffff
        .quad 0x00008b0000000067
gdt_end:

        .org 0x600
gdt_pointer:
        .word gdt_end - gdt - 1
        .long 0xf0000 + gdt

/* ---- Returning: carry and zero go into the caller's flags. ---- */
return_error:                           /* CF = 1, AH = the error in AH */
        mov [bp + f_eax + 1], ah
return_carry:
        or byte ptr [bp + f_flags], 1
        jmp return
return_clear:                           /* CF = 0 */
        and byte ptr [bp + f_flags], 0xfe
return:
        pop es
        pop ds
        popad
ignore: iret

/* ---- INT 10h: video. A teletype on the text screen; its text goes to port 402h too. ---- */
int10:
        enter_handler
        cmp ah, 0x0e
        je teletype
        cmp ah, 0x0f
        je video_mode
        cmp ah, 0x02
        je set_cursor
        cmp ah, 0x03
        je cursor
        cmp ah, 0x12
        je adapter
        cmp ah, 0x13
        je write_string
        cmp ax, 0x1a00
        je display_combination
        jmp return
teletype:
        call put_character
        jmp return
adapter:                                /* BL = 10h: BH colour, BL 256 KiB, no switches */
        cmp byte ptr [bp + f_ebx], 0x10
        jne return
        mov word ptr [bp + f_ebx], 0x0003
        mov word ptr [bp + f_ecx], 0
        jmp return
display_combination:                    /* a VGA with a colour monitor */
        mov byte ptr [bp + f_eax], 0x1a
        mov word ptr [bp + f_ebx], 0x0008
        jmp return
set_cursor:                             /* DL column, DH row */
        mov dx, [bp + f_edx]
        cmp dl, columns
        jae return
        cmp dh, rows
        jae return
        call show_cursor
        jmp return
video_mode:                             /* mode 3: 80 by 25, page 0 */
        mov word ptr [bp + f_eax], 0x5003
        mov byte ptr [bp + f_ebx + 1], 0
        jmp return
cursor:
        mov word ptr [bp + f_ecx], 0x0607
        mov dx, ds:[bda_cursor]
        mov [bp + f_edx], dx
        jmp return
write_string:                           /* ES:BP, CX characters; AL bit 1: each followed by an attribute */
        mov cx, [bp + f_ecx]
        mov si, [bp + f_ebp]
        mov bl, al
        test cx, cx
        jz return
1:      mov al, es:[si]
        call put_character
        inc si
        test bl, 2
        jz 2f
        inc si
2:      loop 1b
        jmp return

put_character:                          /* AL, at the cursor; carriage return, line feed and backspace move it, bell is not heard */
        pusha
        push es
        mov dx, debug_port
        out dx, al
        push screen
        pop es
        mov dx, ds:[bda_cursor]
        cmp al, 7
        je 5f
        cmp al, 8
        je 1f
        cmp al, 10
        je 3f
        cmp al, 13
        je 2f
        mov bl, al
        call cell
        mov es:[di], bl
        inc dl
        cmp dl, columns
        jb 4f
        mov dl, 0
        jmp 3f
1:      sub dl, 1
        adc dl, 0
        jmp 4f
2:      mov dl, 0
        jmp 4f
3:      inc dh
        cmp dh, rows
        jb 4f
        dec dh
        call scroll
4:      call show_cursor
5:      pop es
        popa
        ret
scroll:                                 /* ES the screen; its last row is blank then */
        push ds
        push es
        pop ds
        mov si, columns * 2
        xor di, di
        mov cx, columns * (rows - 1)
        rep movsw
        mov ax, 0x0720
        mov cx, columns
        rep stosw
        pop ds
        ret
show_cursor:                            /* at DL, DH */
        mov ds:[bda_cursor], dx
        call cell
        shr di, 1
        mov bx, di
        mov dx, crtc
        mov al, 0x0e
        mov ah, bh
        out dx, ax
        mov al, 0x0f
        mov ah, bl
        out dx, ax
        ret
cell:                                   /* DI: where column DL of row DH lies */
        mov al, columns
        mul dh
        movzx di, dl
        add di, ax
        shl di, 1
        ret

/* ---- INT 11h, 12h: equipment, memory size. ---- */
int11:
        push ds
        push bda
        pop ds
        mov ax, ds:[0x10]
        pop ds
        iret
int12:
        push ds
        push bda
        pop ds
        mov ax, ds:[0x13]
        pop ds
        iret

/* ---- INT 13h: there is no disk. ---- */
int13:
        enter_handler
        cmp ah, 0x15
        je no_such_disk
        mov ah, 1                       /* invalid function or parameter */
        mov ds:[0x41], ah
        mov ds:[0x74], ah
        jmp return_error
no_such_disk:
        mov byte ptr [bp + f_eax + 1], 0
        jmp return_clear

/* ---- INT 14h: serial port DX, its base in the data area. ---- */
int14:
        enter_handler
        mov bx, [bp + f_edx]
        cmp bx, 4
        jae serial_absent
        shl bx, 1
        mov dx, [bx]
        test dx, dx
        jz serial_absent
        cmp ah, 0
        je serial_setup
        cmp ah, 1
        je serial_send
        cmp ah, 2
        je serial_receive
        cmp ah, 3
        je serial_status
serial_absent:
        mov byte ptr [bp + f_eax + 1], 0x80
        jmp return
serial_setup:                           /* AL 7:5 rate, 4:3 parity, 2 stop bits, 1:0 word length */
        mov bl, al
        add dx, 3
        mov al, 0x80
        out dx, al                      /* divisor latch */
        sub dx, 3
        movzx si, bl
        shr si, 5
        shl si, 1
        mov ax, cs:[divisors + si]
        out dx, al
        inc dx
        mov al, ah
        out dx, al
        add dx, 2
        mov al, bl
        and al, 0x1f
        out dx, al
        sub dx, 3
        jmp serial_status
serial_send:
        mov bl, al
        add dx, 5
        mov cx, 0xffff
1:      in al, dx
        test al, 0x20                   /* transmitter empty */
        loopz 1b
        jz serial_timeout
        sub dx, 5
        mov al, bl
        out dx, al
        jmp serial_line
serial_receive:
        add dx, 5
        mov cx, 0xffff
1:      in al, dx
        test al, 1                      /* data ready */
        loopz 1b
        jz serial_timeout
        sub dx, 5
        in al, dx
        mov [bp + f_eax], al
serial_line:
        add dx, 5
        in al, dx
        mov [bp + f_eax + 1], al
        jmp return
serial_timeout:
        or al, 0x80
        mov [bp + f_eax + 1], al
        jmp return
serial_status:
        add dx, 5
        in al, dx
        mov [bp + f_eax + 1], al
        inc dx
        in al, dx
        mov [bp + f_eax], al
        jmp return
divisors:
        .word 1047, 768, 384, 192, 96, 48, 24, 12

/* ---- INT 15h: memory, A20, waiting. ---- */
int15:
        enter_handler
        cmp ax, 0xe820
        je memory_map
        cmp ax, 0xe801
        je memory_e801
        cmp ah, 0x88
        je memory_88
        cmp ah, 0x87
        je block_move
        cmp ah, 0x86
        je wait_microseconds
        cmp ah, 0x24
        je a20
        cmp ah, 0xc0
        je configuration
        cmp ah, 0xc1
        je extended_area
        cmp ax, 0xec00                  /* the operating mode to come: noted */
        je int15_done
        cmp ah, 0x90                    /* a device waits */
        je int15_done
        cmp ah, 0x91                    /* it need wait no more */
        je int15_done
int15_unknown:
        mov ah, 0x86
        jmp return_error
int15_done:
        mov byte ptr [bp + f_eax + 1], 0
        jmp return_clear

memory_map:                             /* EDX "SMAP", EBX which entry, ECX room, ES:DI where to */
        cmp edx, 0x534d4150
        jne int15_unknown
        mov ecx, [bp + f_ecx]
        cmp ecx, 20
        jb int15_unknown
        mov ebx, [bp + f_ebx]
        movzx ecx, word ptr cs:[e820_count]
        cmp ebx, ecx
        jae int15_unknown
        imul si, bx, 20
        add si, offset e820_table
        mov di, [bp + f_edi]
        mov ax, cs
        mov ds, ax
        mov es, [bp + f_es]
        push ecx
        mov cx, 10
        rep movsw
        pop ecx
        inc ebx
        cmp ebx, ecx
        jb 1f
        xor ebx, ebx                    /* that was the last */
1:      mov [bp + f_ebx], ebx
        mov dword ptr [bp + f_ecx], 20
        mov dword ptr [bp + f_eax], 0x534d4150
        jmp return_clear

memory_e801:
        mov ax, cs:[kib_above_1m]
        mov [bp + f_eax], ax
        mov [bp + f_ecx], ax
        mov ax, cs:[blocks_above_16m]
        mov [bp + f_ebx], ax
        mov [bp + f_edx], ax
        jmp return_clear
memory_88:
        mov ax, cs:[kib_extended]
        mov [bp + f_eax], ax
        jmp return_clear

block_move:                             /* ES:SI six descriptors, 10h from, 18h to; CX words */
        smsw ax
        test al, 1
        jnz block_refused               /* virtual-8086 mode: not for us */
        in al, 0x92
        push ax
        or al, 2
        and al, 0xfe
        out 0x92, al                    /* A20 open */
        movzx ecx, word ptr [bp + f_ecx]
        mov si, [bp + f_esi]
        mov ebx, es:[si + 0x12]         /* base 23:0 */
        and ebx, 0xffffff
        mov al, es:[si + 0x17]          /* base 31:24 */
        shl eax, 24
        or ebx, eax
        mov edi, es:[si + 0x1a]
        and edi, 0xffffff
        mov al, es:[si + 0x1f]
        shl eax, 24
        or edi, eax
        mov esi, ebx
        sub sp, 6
        mov bx, sp
        data32 sgdt ss:[bx]
        data32 lgdt cs:[gdt_pointer]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        jmp 1f
1:      mov dx, 0x18
        mov ds, dx
        mov es, dx
        addr32 rep movsw
        mov dx, 0x08
        mov ds, dx
        mov es, dx
        and al, 0xfe
        mov cr0, eax
        jmp 2f
2:      data32 lgdt ss:[bx]
        add sp, 6
        pop ax
        out 0x92, al
        mov byte ptr [bp + f_eax + 1], 0
        and byte ptr [bp + f_flags], 0xbf       /* ZF is set below */
        or byte ptr [bp + f_flags], 0x40
        jmp return_clear
block_refused:
        mov ah, 3
        jmp return_error

wait_microseconds:                      /* CX:DX; port 61h bit 4 changes each 15.085 microseconds */
        mov ax, [bp + f_ecx]
        shl eax, 16
        mov ax, [bp + f_edx]
        xor edx, edx
        mov ebx, 15
        div ebx
        mov ecx, eax
        jecxz int15_waited
        in al, 0x61
        and al, 0x10
        mov ah, al
1:      mov di, 0xffff                  /* a change that never comes must not hang us */
2:      in al, 0x61
        and al, 0x10
        cmp al, ah
        jne 3f
        dec di
        jnz 2b
3:      mov ah, al
        dec ecx
        jnz 1b
int15_waited:
        jmp int15_done

a20:                                    /* AL 0 close, 1 open, 2 state, 3 how */
        cmp al, 3
        ja int15_unknown
        je a20_how
        cmp al, 2
        je a20_state
        mov bl, al
        shl bl, 1
        in al, 0x92
        and al, 0xfc
        or al, bl
        out 0x92, al
        jmp int15_done
a20_state:
        in al, 0x92
        shr al, 1
        and al, 1
        mov [bp + f_eax], al
        jmp int15_done
a20_how:
        mov word ptr [bp + f_ebx], 3    /* by the keyboard controller and by port 92h */
        jmp int15_done

configuration:
        mov [bp + f_es], cs
        mov word ptr [bp + f_ebx], offset configuration_table
        jmp int15_done
configuration_table:
        .word 8
        .byte 0xfc, 0, 1                /* an AT */
        .byte 0x64                      /* second PIC, clock, extended data area */
        .byte 0, 0, 0, 0
extended_area:
        mov ax, ds:[0x0e]
        mov [bp + f_es], ax
        jmp return_clear

/* ---- INT 16h: the keyboard's queue. ---- */
int16:
        enter_handler
        and ah, 0xef                    /* 10h-12h: as 0-2 */
        cmp ah, 0
        je key_wait
        cmp ah, 1
        je key_peek
        cmp ah, 2
        je key_shifts
        cmp ah, 5
        je key_push
        jmp return
key_wait:
        cli
        mov bx, ds:[0x1a]
        cmp bx, ds:[0x1c]
        jne 1f
        sti
        hlt
        jmp key_wait
1:      mov ax, [bx]
        mov [bp + f_eax], ax
        call key_next
        mov ds:[0x1a], bx
        jmp return
key_peek:
        and byte ptr [bp + f_flags], 0xbf
        mov bx, ds:[0x1a]
        cmp bx, ds:[0x1c]
        je 1f
        mov ax, [bx]
        mov [bp + f_eax], ax
        jmp return
1:      or byte ptr [bp + f_flags], 0x40
        jmp return
key_shifts:
        mov al, ds:[0x17]
        mov [bp + f_eax], al
        jmp return
key_push:
        mov ax, [bp + f_ecx]
        call key_queue
        mov [bp + f_eax], al
        jmp return

key_next:                               /* BX to the next place of the queue */
        add bx, 2
        cmp bx, ds:[0x82]
        jb 1f
        mov bx, ds:[0x80]
1:      ret
key_queue:                              /* AX into the queue; AL = 1 when it is full */
        mov si, ds:[0x1c]
        mov bx, si
        call key_next
        cmp bx, ds:[0x1a]
        je 1f
        mov [si], ax
        mov ds:[0x1c], bx
        mov al, 0
        ret
1:      mov al, 1
        ret

/* ---- INT 17h: there is no printer. ---- */
int17:
        enter_handler
        mov byte ptr [bp + f_eax + 1], 1
        jmp return

/* ---- INT 1Ah: time, PCI. ---- */
int1a:
        enter_handler
        cmp ah, 0xb1
        je pci
        cmp ah, 5
        ja return_carry
        movzx bx, ah
        shl bx, 1
        jmp cs:[clock_functions + bx]
clock_functions:
        .word ticks_get, ticks_set, time_get, time_set, date_get, date_set
ticks_get:
        mov ax, ds:[0x6c]
        mov [bp + f_edx], ax
        mov ax, ds:[0x6e]
        mov [bp + f_ecx], ax
        mov al, ds:[0x70]
        mov [bp + f_eax], al
        mov byte ptr ds:[0x70], 0
        jmp return_clear
ticks_set:
        mov ax, [bp + f_edx]
        mov ds:[0x6c], ax
        mov ax, [bp + f_ecx]
        mov ds:[0x6e], ax
        mov byte ptr ds:[0x70], 0
        jmp return_clear
time_get:
        call clock_settled
        mov al, 0
        call clock_read
        mov [bp + f_edx + 1], al
        mov al, 2
        call clock_read
        mov [bp + f_ecx], al
        mov al, 4
        call clock_read
        mov [bp + f_ecx + 1], al
        mov al, 0x0b
        call clock_read
        and al, 1
        mov [bp + f_edx], al
        jmp return_clear
date_get:
        call clock_settled
        mov al, 7
        call clock_read
        mov [bp + f_edx], al
        mov al, 8
        call clock_read
        mov [bp + f_edx + 1], al
        mov al, 9
        call clock_read
        mov [bp + f_ecx], al
        mov al, 0x32
        call clock_read
        mov [bp + f_ecx + 1], al
        jmp return_clear
time_set:
        mov al, 0
        mov ah, [bp + f_edx + 1]
        call clock_write
        mov al, 2
        mov ah, [bp + f_ecx]
        call clock_write
        mov al, 4
        mov ah, [bp + f_ecx + 1]
        call clock_write
        jmp return_clear
date_set:
        mov al, 7
        mov ah, [bp + f_edx]
        call clock_write
        mov al, 8
        mov ah, [bp + f_edx + 1]
        call clock_write
        mov al, 9
        mov ah, [bp + f_ecx]
        call clock_write
        mov al, 0x32
        mov ah, [bp + f_ecx + 1]
        call clock_write
        jmp return_clear

clock_settled:                          /* until no update is in progress, but not for ever */
        mov cx, 0xffff
1:      mov al, 0x0a
        call clock_read
        test al, 0x80
        loopnz 1b
        ret
clock_read:
        out 0x70, al
        in al, 0x71
        ret
clock_write:
        out 0x70, al
        mov al, ah
        out 0x71, al
        ret

pci:                                    /* PCI BIOS 2.1, configuration by mechanism 1 */
        cmp al, 1
        je pci_present
        cmp al, 8
        jb pci_unknown
        cmp al, 0x0d
        ja pci_unknown
        mov ebx, [bp + f_ebx]
        mov edi, [bp + f_edi]
        cmp di, 0x100
        jae pci_bad_register
        movzx eax, bx                   /* bus, device and function */
        shl eax, 8
        mov cx, di
        and cx, 0xfc
        mov al, cl
        or eax, 0x80000000
        mov dx, 0xcf8
        out dx, eax
        mov dx, di
        and dx, 3
        add dx, 0xcfc
        mov bl, [bp + f_eax]
        mov ecx, [bp + f_ecx]
        cmp bl, 8
        je pci_read8
        cmp bl, 9
        je pci_read16
        cmp bl, 10
        je pci_read32
        mov eax, ecx
        cmp bl, 11
        je pci_write8
        cmp bl, 12
        je pci_write16
        and dx, 0xfffc
        out dx, eax
        jmp pci_done
pci_write8:
        out dx, al
        jmp pci_done
pci_write16:
        and dx, 0xfffe
        out dx, ax
        jmp pci_done
pci_read8:
        in al, dx
        mov [bp + f_ecx], al
        jmp pci_done
pci_read16:
        and dx, 0xfffe
        in ax, dx
        mov [bp + f_ecx], ax
        jmp pci_done
pci_read32:
        and dx, 0xfffc
        in eax, dx
        mov [bp + f_ecx], eax
pci_done:
        mov byte ptr [bp + f_eax + 1], 0
        jmp return_clear
pci_present:
        mov dword ptr [bp + f_edx], 0x20494350  /* "PCI " */
        mov dword ptr [bp + f_edi], 0           /* no 32-bit entry point */
        mov word ptr [bp + f_eax], 0x0001       /* mechanism 1 */
        mov word ptr [bp + f_ebx], 0x0210
        mov byte ptr [bp + f_ecx], 0            /* the last bus */
        jmp return_clear
pci_unknown:
        mov ah, 0x81
        jmp return_error
pci_bad_register:
        mov ah, 0x87
        jmp return_error

/* ---- Interrupt requests. ---- */
irq0:                                   /* 18.2 ticks a second; a day has 1800B0h */
        push ds
        push eax
        push bda
        pop ds
        mov eax, ds:[0x6c]
        inc eax
        cmp eax, 0x1800b0
        jb 1f
        xor eax, eax
        inc byte ptr ds:[0x70]
1:      mov ds:[0x6c], eax
        int 0x1c
        mov al, 0x20
        out 0x20, al
        pop eax
        pop ds
        iret

irq1:                                   /* scan code set 1 */
        enter_handler
        in al, 0x60
        mov bl, al
        and bl, 0x7f
        mov si, offset shift_keys
1:      mov cx, cs:[si]                 /* scan code, bit */
        add si, 2
        jcxz key_character
        cmp cl, bl
        jne 1b
        test al, al
        js 2f
        or ds:[0x17], ch
        jmp key_done
2:      not ch
        and ds:[0x17], ch
        jmp key_done
key_character:
        test al, al
        js key_done                     /* released */
        cmp al, 0x39
        ja key_plain
        xor bh, bh
        mov ah, al
        mov al, cs:[plain_keys + bx]
        test byte ptr ds:[0x17], 3
        jz 3f
        mov al, cs:[shifted_keys + bx]
3:      test byte ptr ds:[0x17], 4
        jz 4f
        and al, 0x1f
4:      call key_queue
        jmp key_done
key_plain:                              /* no character: only the scan code */
        cmp al, 0x58
        ja key_done
        mov ah, al
        mov al, 0
        call key_queue
key_done:
        mov al, 0x20
        out 0x20, al
        jmp return
shift_keys:                             /* right and left shift, control, alt */
        .byte 0x36, 1, 0x2a, 2, 0x1d, 4, 0x38, 8, 0, 0
plain_keys:
        .ascii "\0\0331234567890-=\b\tqwertyuiop[]\r\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 "
shifted_keys:
        .ascii "\0\033!@#$%^&*()_+\b\tQWERTYUIOP{}\r\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0*\0 "

irq13:                                  /* the coprocessor's error: as INT 2 */
        push ax
        mov al, 0
        out 0xf0, al
        mov al, 0x20
        out 0xa0, al
        out 0x20, al
        pop ax
        int 0x02
        iret
irq_high:
        push ax
        mov al, 0x20
        out 0xa0, al
        out 0x20, al
        pop ax
        iret
irq_low:
        push ax
        mov al, 0x20
        out 0x20, al
        pop ax
        iret

/* ---- The end of the road. No stack is used. ---- */
        .macro say text
        mov si, offset 9f
        mov cx, offset 8f - 9f
        mov dx, debug_port
        jmp say_and_halt
9:      .ascii "\text\n"
8:
        .endm
say_and_halt:
        cld
        rep outs dx, byte ptr cs:[si]
1:      cli
        hlt
        jmp 1b
fault:  say "slate: a fault in real mode that nothing handles; halted"
no_boot:
        say "slate: nothing to boot from; halted"

reset:                                  /* CMOS 0Fh says whether someone wants to return by 40:67h */
        cli
        mov al, 0x8f
        out 0x70, al
        in al, 0x71
        mov ah, al
        cmp al, 0x05
        je 1f
        cmp al, 0x0a
        je 2f
        say "slate: reset without firmware: nothing to start; halted"
1:      mov al, 0x20
        out 0xa0, al
        out 0x20, al
2:      mov ax, bda
        mov ds, ax
        jmp dword ptr ds:[0x67]

diskette:                               /* INT 1Eh points here: a 1.44-MB drive's timing */
        .byte 0xaf, 2, 0x25, 2, 18, 0x1b, 0xff, 0x6c, 0xf6, 15, 8

        .org 0x4000                     /* to F000h: tables that the loader adds */
        .org 0xff53
        iret
        .org 0xfff0
        .byte 0xea                      /* jmp F000h:reset */
        .word reset, 0xf000
        .ascii "01/01/26"
        .byte 0, 0xfc, 0
