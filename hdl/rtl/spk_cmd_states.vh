// SPDX-License-Identifier: Apache-2.0
// States of the command engine. Include inside a module body, which uses some of them.
/* verilator lint_off UNUSEDPARAM */

localparam [4:0] IDLE = 5'd0, HEADER = 5'd1, SEQUENCE = 5'd2, FENCE = 5'd3, CHECK = 5'd4;
localparam [4:0] RANGE = 5'd5, BEGIN = 5'd6, WORD0 = 5'd7, WORD1 = 5'd8, WORD2 = 5'd9;
localparam [4:0] ACCESS = 5'd10, ADVANCE = 5'd11, LOCK = 5'd12, LOAD0 = 5'd13, LOAD = 5'd14;
localparam [4:0] EV_NEXT = 5'd15, EV_WORD = 5'd16, EV_MARK = 5'd17, EV_PUSH = 5'd18;
localparam [4:0] WAIT = 5'd19, ECHO = 5'd20, ANSWER = 5'd21, SPIKES = 5'd22, LOW = 5'd23;
localparam [4:0] HIGH = 5'd24, DONE = 5'd25, SEND = 5'd26, POP = 5'd27, SENDING = 5'd28;
localparam [4:0] BAUD = 5'd29, FLUSH = 5'd30;

/* verilator lint_on UNUSEDPARAM */
