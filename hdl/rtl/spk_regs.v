// SPDX-License-Identifier: Apache-2.0
// Window REG: identity, status, saturating link counters, the writable registers.
// One access: req_i held until ack_o (one cycle later); a write to a halfword that is not writable
// has no effect (the command engine refuses it before). Reading the low half of STEP latches its
// high half. rst clears the counters and the writable registers.
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

  reg         ack_q;
  reg  [15:0] rdata_q;
  reg  [15:0] rdata_d;
  reg  [15:0] step_high_q;
  reg  [15:0] frames_q;
  reg         record_q;
  reg  [31:0] program_q;
  reg  [31:0] period_q;
  reg  [15:0] scratch_q;
  wire [95:0] errors;
  wire [15:0] address = {8'd0, address_i};
  wire        write = req_i && we_i && !ack_q;

  // Counters in the order of their addresses from ERR_FRAMING on.
  genvar k;
  generate
    for (k = 0; k < 6; k = k + 1) begin : g_error
      reg [15:0] count_q;
      always @(posedge clk) begin
        if (rst || clear_errors_i) count_q <= 16'd0;
        else if (error_i[k] && count_q != 16'hffff) count_q <= count_q + 16'd1;
      end
      assign errors[16*k+:16] = count_q;
    end
  endgenerate

  always @(posedge clk) begin
    if (rst) frames_q <= 16'd0;
    else if (good_frame_i) frames_q <= frames_q + 16'd1;
  end

  always @(posedge clk) begin
    if (rst) begin
      record_q <= 1'b0;
      program_q <= 32'd0;
      period_q <= 32'd0;
      scratch_q <= 16'd0;
      step_high_q <= 16'd0;
    end else begin
      if (clear_program_i) program_q <= 32'd0;
      if (req_i && !we_i && address == SPK_REG_STEP) step_high_q <= step_i[31:16];
      if (write) begin
        case (address)
          SPK_REG_CTRL: record_q <= wdata_i[0];
          SPK_REG_PROGRAM_ID: program_q[15:0] <= wdata_i;
          SPK_REG_PROGRAM_ID + 16'd1: program_q[31:16] <= wdata_i;
          SPK_REG_TICK_PERIOD: period_q[15:0] <= wdata_i;
          SPK_REG_TICK_PERIOD + 16'd1: period_q[31:16] <= wdata_i;
          SPK_REG_SCRATCH: scratch_q <= wdata_i;
          default: ;
        endcase
      end
    end
  end

  always @* begin
    case (address)
      SPK_REG_MAGIC: rdata_d = SPK_MAGIC[15:0];
      SPK_REG_MAGIC + 16'd1: rdata_d = SPK_MAGIC[31:16];
      SPK_REG_PROTOCOL: rdata_d = SPK_VERSION_PROTOCOL;
      SPK_REG_CORE: rdata_d = SPK_VERSION_CORE;
      SPK_REG_BUILD_ID: rdata_d = BUILD_ID[15:0];
      SPK_REG_BUILD_ID + 16'd1: rdata_d = BUILD_ID[31:16];
      SPK_REG_N: rdata_d = N[15:0];
      SPK_REG_A: rdata_d = A[15:0];
      SPK_REG_L: rdata_d = L[15:0];
      SPK_REG_WB: rdata_d = WB[15:0];
      SPK_REG_VB: rdata_d = VB[15:0];
      SPK_REG_AB: rdata_d = AB[15:0];
      SPK_REG_D: rdata_d = D[15:0];
      SPK_REG_NSEG: rdata_d = NSEG[15:0];
      SPK_REG_NPOP: rdata_d = NPOP[15:0];
      SPK_REG_EVQ: rdata_d = EVQ[15:0];
      SPK_REG_WWORDS: rdata_d = WWORDS[15:0];
      SPK_REG_WWORDS + 16'd1: rdata_d = WWORDS[31:16];
      SPK_REG_SPKQ: rdata_d = SPKQ[15:0];
      SPK_REG_RXBUF: rdata_d = RXBUF[15:0];
      SPK_REG_CLK_HZ: rdata_d = CLK_HZ[15:0];
      SPK_REG_CLK_HZ + 16'd1: rdata_d = CLK_HZ[31:16];
      SPK_REG_STATUS: rdata_d = {11'd0, status_i};
      SPK_REG_STEP: rdata_d = step_i[15:0];
      SPK_REG_STEP + 16'd1: rdata_d = step_high_q;
      SPK_REG_LAST_CYCLES: rdata_d = last_cycles_i[15:0];
      SPK_REG_LAST_CYCLES + 16'd1: rdata_d = last_cycles_i[31:16];
      SPK_REG_TOTAL_CYCLES: rdata_d = total_cycles_i[15:0];
      SPK_REG_TOTAL_CYCLES + 16'd1: rdata_d = total_cycles_i[31:16];
      SPK_REG_TOTAL_CYCLES + 16'd2: rdata_d = total_cycles_i[47:32];
      SPK_REG_EV_FREE: rdata_d = ev_free_i;
      SPK_REG_SPK_LEVEL: rdata_d = spk_level_i;
      SPK_REG_FIRED_COUNT: rdata_d = fired_count_i;
      SPK_REG_DEADLINE: rdata_d = deadline_count_i;
      SPK_REG_ERR_FRAMING: rdata_d = errors[15:0];
      SPK_REG_ERR_OVERRUN: rdata_d = errors[31:16];
      SPK_REG_ERR_CRC: rdata_d = errors[47:32];
      SPK_REG_ERR_FRAME: rdata_d = errors[63:48];
      SPK_REG_ERR_SEQUENCE: rdata_d = errors[79:64];
      SPK_REG_BREAKS: rdata_d = errors[95:80];
      SPK_REG_FRAMES: rdata_d = frames_q;
      SPK_REG_CTRL: rdata_d = {15'd0, record_q};
      SPK_REG_PROGRAM_ID: rdata_d = program_q[15:0];
      SPK_REG_PROGRAM_ID + 16'd1: rdata_d = program_q[31:16];
      SPK_REG_TICK_PERIOD: rdata_d = period_q[15:0];
      SPK_REG_TICK_PERIOD + 16'd1: rdata_d = period_q[31:16];
      SPK_REG_SCRATCH: rdata_d = scratch_q;
      default: rdata_d = 16'd0;
    endcase
  end

  always @(posedge clk) begin
    ack_q <= req_i && !ack_q && !rst;
    rdata_q <= rdata_d;
  end

  assign ack_o = ack_q;
  assign rdata_o = rdata_q;
  assign record_o = record_q;
  assign program_o = program_q != 32'd0;
  assign tick_period_o = period_q;

endmodule

`default_nettype wire
