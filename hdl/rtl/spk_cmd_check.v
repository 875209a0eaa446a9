// SPDX-License-Identifier: Apache-2.0
// What the table of commands in docs/design/link.md says about one request, as pure logic.
// length_i counts the whole decoded frame: payload + 4. a_i and b_i are the first seven bytes of
// the payload; from out_of_range_o on, b_i is the number of halfwords to work on, and ARGMAX has
// become a range of window COUNT. refuse_o is the status of the command's own check, 0 when it
// passes.
`default_nettype none

module spk_cmd_check #(
  parameter integer N      = 256,    // neurons
  parameter integer L      = 8,      // lanes
  parameter integer WB     = 8,      // bits per weight
  parameter integer D      = 8,      // delay slots
  parameter integer NSEG   = 512,    // segments
  parameter integer NPOP   = 16,     // population records
  parameter integer WWORDS = 16384   // weight words
) (
  input  wire [ 6:0] command_i,
  input  wire [ 7:0] length_i,
  input  wire [31:0] a_i,
  input  wire [23:0] b_i,
  input  wire        program_i,
  input  wire [31:0] next_step_i,
  // verdicts
  output reg         bad_command_o,
  output reg         bad_length_o,
  output wire        bad_window_o,
  output wire        out_of_range_o,
  output wire        read_only_o,
  output reg         needs_idle_o,
  output reg  [ 3:0] refuse_o
);

  `include "spk_core_defs.vh"

  localparam integer WEIGHT_SIZE = WWORDS * L * WB / 16;
  localparam integer SEG_SIZE = NSEG * SPK_STRIDE_SEG;
  localparam integer PARAM_SIZE = N * SPK_STRIDE_PARAM;
  localparam integer STATE_SIZE = N * SPK_STRIDE_STATE;
  localparam integer POP_SIZE = NPOP * SPK_STRIDE_POP;
  localparam integer ACC_SIZE = D * N;
  localparam integer COUNT_SIZE = N;
  // Bytes of a frame besides its payload.
  localparam integer FRAME = SPK_MIN_FRAME;
  // Increments are compared by their upper bits: both limits are powers of two.
  localparam integer MIN_BIT = $clog2(SPK_MIN_INCREMENT);
  // Writable registers: CTRL alone, and PROGRAM_ID to SCRATCH without a gap.
  localparam [8:0] RW_END = SPK_REG_SCRATCH[8:0] + 9'd1;

  wire [31:0] length = {24'd0, length_i};
  wire [ 7:0] window = a_i[7:0];
  wire [23:0] address = a_i[31:8];
  wire [24:0] range_end = {1'b0, address} + {1'b0, b_i};
  wire        in_reg = window == SPK_WIN_REG;
  // Eight bits do: a range that leaves the window has been refused before.
  wire        writable = (address[7:0] == SPK_REG_CTRL[7:0] && b_i[6:0] == 7'd1) ||
                         (address[7:0] >= SPK_REG_PROGRAM_ID[7:0] && range_end[8:0] <= RW_END);
  // Would the step counter pass 2^32 - 1? Without a 33rd bit: is steps > 2^32 - 1 - step?
  wire        run_too_long = a_i > ~next_step_i;
  reg  [24:0] size;

  always @* begin
    bad_command_o = 1'b0;
    bad_length_o = 1'b1;
    needs_idle_o = !in_reg;
    case ({1'b0, command_i})
      SPK_CMD_PING: bad_length_o = length != FRAME + SPK_PING_REQUEST_MIN;
      SPK_CMD_READ: bad_length_o = length != FRAME + SPK_READ_REQUEST_MIN;
      SPK_CMD_WRITE: bad_length_o = length < FRAME + SPK_WRITE_REQUEST_MIN || length_i[0];
      SPK_CMD_CRC32: bad_length_o = length != FRAME + SPK_CRC32_REQUEST_MIN;
      SPK_CMD_EVENTS: bad_length_o = length < FRAME + SPK_EVENTS_REQUEST_MIN || length_i[0];
      SPK_CMD_RUN: bad_length_o = length != FRAME + SPK_RUN_REQUEST_MIN;
      SPK_CMD_STOP: bad_length_o = length != FRAME + SPK_STOP_REQUEST_MIN;
      SPK_CMD_CLEAR: bad_length_o = length != FRAME + SPK_CLEAR_REQUEST_MIN;
      SPK_CMD_SPIKES: bad_length_o = length != FRAME + SPK_SPIKES_REQUEST_MIN;
      SPK_CMD_ARGMAX: bad_length_o = length != FRAME + SPK_ARGMAX_REQUEST_MIN;
      SPK_CMD_SET_BAUD: bad_length_o = length != FRAME + SPK_SET_BAUD_REQUEST_MIN;
      default: bad_command_o = 1'b1;
    endcase
    case ({1'b0, command_i})
      SPK_CMD_RUN, SPK_CMD_CLEAR: needs_idle_o = 1'b1;
      SPK_CMD_PING, SPK_CMD_EVENTS, SPK_CMD_STOP, SPK_CMD_SPIKES, SPK_CMD_SET_BAUD:
      needs_idle_o = 1'b0;
      default: ;
    endcase
  end

  always @* begin
    case (window[3:0])
      SPK_WIN_WEIGHT[3:0]: size = WEIGHT_SIZE[24:0];
      SPK_WIN_SEG[3:0]: size = SEG_SIZE[24:0];
      SPK_WIN_PARAM[3:0]: size = PARAM_SIZE[24:0];
      SPK_WIN_STATE[3:0]: size = STATE_SIZE[24:0];
      SPK_WIN_POP[3:0]: size = POP_SIZE[24:0];
      SPK_WIN_ACC[3:0]: size = ACC_SIZE[24:0];
      SPK_WIN_COUNT[3:0]: size = COUNT_SIZE[24:0];
      SPK_WIN_FIRED[3:0]: size = COUNT_SIZE[24:0];
      default: size = SPK_REG_HALFWORDS[24:0];
    endcase
  end

  always @* begin
    refuse_o = SPK_ST_OK[3:0];
    case ({1'b0, command_i})
      SPK_CMD_READ:
      if (b_i == 24'd0 || b_i > SPK_READ_REPLY_WORDS_MAX[23:0]) refuse_o = SPK_ST_BAD_VALUE[3:0];
      SPK_CMD_CRC32: if (b_i == 24'd0) refuse_o = SPK_ST_BAD_VALUE[3:0];
      SPK_CMD_ARGMAX: if (b_i == 24'd0 || out_of_range_o) refuse_o = SPK_ST_BAD_VALUE[3:0];
      SPK_CMD_RUN:
      if (!program_i) refuse_o = SPK_ST_NO_PROGRAM[3:0];
      else if (run_too_long) refuse_o = SPK_ST_BAD_VALUE[3:0];
      SPK_CMD_CLEAR:
      if ((a_i[15:0] & ~SPK_CLEAR_ALL[15:0]) != 16'd0) refuse_o = SPK_ST_BAD_VALUE[3:0];
      SPK_CMD_SET_BAUD:
      if (a_i[31:SPK_PHASE_BITS] != 0 || a_i[SPK_PHASE_BITS-1:MIN_BIT] == 0) begin
        refuse_o = SPK_ST_BAD_VALUE[3:0];
      end
      default: ;
    endcase
  end

  assign bad_window_o = window > SPK_WIN_FIRED;
  assign out_of_range_o = range_end > size;
  assign read_only_o = window == SPK_WIN_FIRED || (in_reg && !writable);

endmodule

`default_nettype wire
