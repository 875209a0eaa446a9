// SPDX-License-Identifier: Apache-2.0
// Window REG: identity, status, saturating link counters, the writable registers.
// One access: req_i held until ack_o (a cycle or two later); the command engine refuses writes to
// what is not writable before. Reading the low half of STEP latches its high half. counting_o = 1:
// no further pulse may come. rst clears the counters and the writable registers.
`default_nettype none

module spk_regs #(
  parameter integer N        = 256,
  parameter integer A        = 256,
  parameter integer L        = 8,
  parameter integer WB       = 8,
  parameter integer VB       = 18,
  parameter integer AB       = 16,
  parameter integer D        = 8,
  parameter integer NSEG     = 512,
  parameter integer NPOP     = 16,
  parameter integer WWORDS   = 16384,
  parameter integer EVQ      = 512,
  parameter integer SPKQ     = 512,
  parameter integer RXBUF    = 1024,
  parameter integer CLK_HZ   = 12000000,
  parameter         BUILD_ID = 32'd0
) (
  input  wire        clk,
  input  wire        rst,
  // access
  input  wire        req_i,
  input  wire        we_i,
  input  wire [ 7:0] address_i,
  input  wire [15:0] wdata_i,
  output wire        ack_o,
  output wire [15:0] rdata_o,
  // pulses to count: framing, overrun, CRC, frame, sequence, break
  input  wire [ 5:0] error_i,
  input  wire        good_frame_i,
  output wire        counting_o,
  input  wire        clear_errors_i,
  input  wire        clear_program_i,
  // state of the core
  input  wire [ 4:0] status_i,
  input  wire [31:0] step_i,
  input  wire [31:0] last_cycles_i,
  input  wire [47:0] total_cycles_i,
  input  wire [15:0] ev_free_i,
  input  wire [15:0] spk_level_i,
  input  wire [15:0] fired_count_i,
  input  wire [15:0] deadline_count_i,
  // writable registers
  output wire        record_o,
  output wire        program_o,
  output wire [31:0] tick_period_o
);

  `include "spk_core_defs.vh"

  // Groups of 32, 16 and 2 * 8 halfwords: identity, state of the core, memory, gaps.

  reg         ack_q;
  reg         stored_q;
  reg  [15:0] rdata_q;
  reg  [15:0] identity;
  reg  [15:0] state;
  reg  [15:0] step_high_q;
  reg         record_q;
  reg  [ 1:0] program_q;   // halves of PROGRAM_ID that are not zero
  reg  [31:0] period_q;
  wire [15:0] stored;
  wire        ready;
  wire [15:0] address = {8'd0, address_i};
  wire        in_counters = address[15:3] == SPK_REG_ERR_FRAMING[15:3];
  wire        in_writable = address[15:3] == SPK_REG_CTRL[15:3];
  wire        take = req_i && !ack_q && ready;
  wire        write = take && we_i;
  wire        is_ctrl = address == SPK_REG_CTRL;

  spk_counters u_stored (
    .clk(clk),
    .rst(rst),
    .pulse_i({good_frame_i, error_i}),
    // of the memory: ERR_FRAMING to BREAKS, and PROGRAM_ID
    .clear_i({4'd0, {2{clear_program_i}}, 4'd0, {6{clear_errors_i}}}),
    .busy_o(counting_o),
    .take_i(take),
    .we_i(we_i),
    .address_i({in_writable, address[2:0]}),
    .wdata_i(is_ctrl ? wdata_i & SPK_CTRL_ALL[15:0] : wdata_i),
    .ready_o(ready),
    .rdata_o(stored)
  );

  always @(posedge clk) begin
    if (rst) begin
      record_q <= 1'b0;
      program_q <= 2'd0;
      period_q <= 32'd0;
      step_high_q <= 16'd0;
    end else begin
      if (clear_program_i) program_q <= 2'd0;
      if (take && !we_i && address == SPK_REG_STEP) step_high_q <= step_i[31:16];
      if (write) begin
        case (address)
          SPK_REG_CTRL: record_q <= wdata_i[SPK_CTRL_RECORD_BIT];
          SPK_REG_PROGRAM_ID: program_q[0] <= wdata_i != 16'd0;
          SPK_REG_PROGRAM_ID + 16'd1: program_q[1] <= wdata_i != 16'd0;
          SPK_REG_TICK_PERIOD: period_q[15:0] <= wdata_i;
          SPK_REG_TICK_PERIOD + 16'd1: period_q[31:16] <= wdata_i;
          default: ;
        endcase
      end
    end
  end

  always @* begin
    case (address)
      SPK_REG_MAGIC: identity = SPK_MAGIC[15:0];
      SPK_REG_MAGIC + 16'd1: identity = SPK_MAGIC[31:16];
      SPK_REG_PROTOCOL: identity = SPK_VERSION_PROTOCOL;
      SPK_REG_CORE: identity = SPK_VERSION_CORE;
      SPK_REG_BUILD_ID: identity = BUILD_ID[15:0];
      SPK_REG_BUILD_ID + 16'd1: identity = BUILD_ID[31:16];
      SPK_REG_N: identity = N[15:0];
      SPK_REG_A: identity = A[15:0];
      SPK_REG_L: identity = L[15:0];
      SPK_REG_WB: identity = WB[15:0];
      SPK_REG_VB: identity = VB[15:0];
      SPK_REG_AB: identity = AB[15:0];
      SPK_REG_D: identity = D[15:0];
      SPK_REG_NSEG: identity = NSEG[15:0];
      SPK_REG_NPOP: identity = NPOP[15:0];
      SPK_REG_EVQ: identity = EVQ[15:0];
      SPK_REG_WWORDS: identity = WWORDS[15:0];
      SPK_REG_WWORDS + 16'd1: identity = WWORDS[31:16];
      SPK_REG_SPKQ: identity = SPKQ[15:0];
      SPK_REG_RXBUF: identity = RXBUF[15:0];
      SPK_REG_CLK_HZ: identity = CLK_HZ[15:0];
      SPK_REG_CLK_HZ + 16'd1: identity = CLK_HZ[31:16];
      default: identity = 16'd0;
    endcase
  end

  always @* begin
    case (address[3:0])
      SPK_REG_STATUS[3:0]: state = {11'd0, status_i};
      SPK_REG_STEP[3:0]: state = step_i[15:0];
      SPK_REG_STEP[3:0] + 4'd1: state = step_high_q;
      SPK_REG_LAST_CYCLES[3:0]: state = last_cycles_i[15:0];
      SPK_REG_LAST_CYCLES[3:0] + 4'd1: state = last_cycles_i[31:16];
      SPK_REG_TOTAL_CYCLES[3:0]: state = total_cycles_i[15:0];
      SPK_REG_TOTAL_CYCLES[3:0] + 4'd1: state = total_cycles_i[31:16];
      SPK_REG_TOTAL_CYCLES[3:0] + 4'd2: state = total_cycles_i[47:32];
      SPK_REG_EV_FREE[3:0]: state = ev_free_i;
      SPK_REG_SPK_LEVEL[3:0]: state = spk_level_i;
      SPK_REG_FIRED_COUNT[3:0]: state = fired_count_i;
      SPK_REG_DEADLINE[3:0]: state = deadline_count_i;
      default: state = 16'd0;
    endcase
  end

  always @(posedge clk) begin
    ack_q <= take && !rst;
    stored_q <= in_counters || in_writable;
    case (address[7:4])
      SPK_REG_STATUS[7:4]: rdata_q <= state;
      SPK_REG_MAGIC[7:4], SPK_REG_WWORDS[7:4]: rdata_q <= identity;
      default: rdata_q <= 16'd0;
    endcase
  end

  assign ack_o = ack_q;
  assign rdata_o = stored_q ? stored : rdata_q;
  assign record_o = record_q;
  assign program_o = program_q != 2'd0;
  assign tick_period_o = period_q;

endmodule

`default_nettype wire
